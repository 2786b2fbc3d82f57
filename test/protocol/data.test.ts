// The dot decoder against a slow one that takes the whole wire at once, and the encoder against the decoder.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decoder, encoder, endOfData, LINE_ENDINGS, stuff, unstuff, type LineEndings } from "../../dist/protocol/index.js";
import { latin1, octetsOf } from "../drive.js";
import { random, splits } from "../splits.js";

const test = suite("data");

interface Decoded { readonly content: string; readonly rest: string; readonly bareCr: number; readonly bareLf: number; readonly longLines: number }

/** RFC 5321 §4.5.2 told in regular expressions over the whole text. */
function reference(wire: string, policy: LineEndings): Decoded | undefined {
  const end = `\r\n${wire}`.indexOf("\r\n.\r\n");
  if (end < 0) return undefined;
  const data = wire.slice(0, end);
  const rest = wire.slice(end + 3);
  const unstuffed = data.split("\r\n").map((line) => (/^\.(?![\r\n])./s.test(line) ? line.slice(1) : line));
  const joined = unstuffed.join("\r\n");
  const bareCr = joined.match(/\r(?!\n)/g)?.length ?? 0;
  const bareLf = joined.match(/(?<!\r)\n/g)?.length ?? 0;
  const longLines = unstuffed.slice(0, -1).filter((line) => line.length + 2 > 8).length;
  const content = policy === "normalise" ? joined.replace(/\r\n|\r|\n/g, "\r\n") : joined;
  return { content, rest, bareCr, bareLf, longLines };
}

function decode(segments: readonly Uint8Array[], policy: LineEndings): Decoded {
  const state = decoder(policy, 8);
  let content = "";
  let rest = "";
  for (const segment of segments) {
    const before = latin1(segment);
    let at = 0;
    while (at < segment.length && state.position !== "end") {
      const step = unstuff(state, segment, at, segment.length);
      if (!state.discard) content += latin1(step.content);
      at = step.at;
      if (policy === "refuse" && state.bareCr + state.bareLf > 0) state.discard = true;
    }
    rest += latin1(segment.subarray(at));
    assert.is(latin1(segment), before, "lent octets are not written to");
  }
  return { content, rest, bareCr: state.bareCr, bareLf: state.bareLf, longLines: state.longLines };
}

function randomWire(next: (below: number) => number): string {
  const alphabet = ["\r\n", "\r\n", "\r\n.", ".", "\r", "\n", "a", "bcdefgh", "\r\n.\r", "\x80"];
  return `${Array.from({ length: next(14) }, () => alphabet[next(alphabet.length)]).join("")}\r\n.\r\nNOOP\r\n`;
}

test("as the reference, for any octets at any segmentation", () => {
  const next = random(7);
  for (let run = 0; run < 3000; run++) {
    const wire = randomWire(next);
    const octets = Buffer.from(wire, "latin1");
    for (const policy of ["pass", "normalise"] as const) {
      const expected = reference(wire, policy);
      for (const segments of splits(octets)) assert.equal(decode(segments, policy), expected, JSON.stringify({ wire, policy, cut: segments[0]!.length }));
    }
  }
});

test("what is refused is refused at the same octet at every segmentation, and read to its true end", () => {
  const next = random(8);
  for (let run = 0; run < 2000; run++) {
    const wire = randomWire(next);
    const octets = Buffer.from(wire, "latin1");
    const expected = reference(wire, "pass")!;
    const whole = decode([octets], "refuse");
    const bad = expected.bareCr + expected.bareLf > 0;
    assert.is(whole.bareCr + whole.bareLf > 0, bad);
    assert.is(whole.rest, expected.rest);
    assert.ok(bad ? expected.content.startsWith(whole.content) : expected.content === whole.content, JSON.stringify({ wire }));
    for (const segments of splits(octets)) {
      const { content, rest } = decode(segments, "refuse");
      assert.equal({ content, rest }, { content: whole.content, rest: whole.rest }, JSON.stringify({ wire, cut: segments[0]!.length }));
    }
  }
});

test("unstuffing undoes stuffing, at any segmentation of both; what was a bare CR or LF has become CRLF", () => {
  const next = random(9);
  for (let run = 0; run < 2000; run++) {
    const content = randomWire(next).slice(0, -11);
    const state = encoder();
    const pieces: Uint8Array[] = [];
    const octets = Buffer.from(content, "latin1");
    for (let at = 0; at < octets.length; ) {
      const length = 1 + next(5);
      pieces.push(stuff(state, octets.subarray(at, at + length)));
      at += length;
    }
    pieces.push(endOfData(state));
    const wire = Buffer.concat(pieces);
    const mended = content.replace(/\r\n|\r|\n/g, "\r\n");
    const expected = mended === "" || mended.endsWith("\r\n") ? mended : `${mended}\r\n`;
    for (const segments of [pieces, [wire], [...wire].map((octet) => Uint8Array.of(octet))]) {
      const decoded = decode(segments, "refuse");
      assert.is(decoded.rest, "");
      assert.is(decoded.content, expected);
    }
  }
});

test("a segment in which no dot is dropped is not copied, the end of the data included", () => {
  const segment = octetsOf("one\r\ntwo.\r\n\r\n.\r\n");
  const { content } = unstuff(decoder("refuse", 1000), segment, 0, segment.length);
  assert.is(content.buffer, segment.buffer);
  assert.is(latin1(content), "one\r\ntwo.\r\n\r\n");
  assert.is(stuff(encoder(), content).buffer, segment.buffer);
});

test("a long line behind a dot that is dropped", () => {
  const line = "x".repeat(100);
  const segment = octetsOf(`..${line}\r\n${line}\r\n..${line}\r\n.\r\n`);
  const { content } = unstuff(decoder("refuse", 1000), segment, 0, segment.length);
  assert.is(latin1(content), `.${line}\r\n${line}\r\n.${line}\r\n`);
});

test("however many dots there are, a segment is one piece of content", () => {
  const segment = octetsOf("..\r\n".repeat(10_000));
  const { content, at } = unstuff(decoder("refuse", 1000), segment, 0, segment.length);
  assert.is(at, segment.length);
  assert.is(content.length, 30_000);
  assert.ok(content.buffer.byteLength <= segment.length + 2);
});

test("octets are looked at once: an exact count, by reading through a proxy", () => {
  const shapes = { text: "abcdefg\r\n", dots: "..\r\n", "empty lines": "\r\n", "bare CR": "a\r", "bare LF": "a\n", none: "a" };
  for (const policy of LINE_ENDINGS) {
    for (const [shape, unit] of Object.entries(shapes)) {
      let reads = 0;
      const count = (repeats: number): number => {
        const octets = octetsOf(unit.repeat(repeats));
        const counted = new Proxy(octets, {
          get: (target, key) => {
            if (typeof key === "string" && /^\d+$/.test(key)) reads += 1;
            const value = Reflect.get(target, key, target) as unknown;
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
        reads = 0;
        const state = decoder(policy, 1000);
        for (let at = 0; at < octets.length; ) {
          ({ at } = unstuff(state, counted, at, octets.length));
          state.discard ||= state.bareCr + state.bareLf > 0 && policy === "refuse";
        }
        return reads / octets.length;
      };
      const [short, long] = [count(100), count(10_000)];
      assert.ok(long < short * 1.1 + 0.1 && long <= 4, `${policy}, ${shape}: ${short} and ${long} reads an octet`);
    }
  }
});

test.run();
