// The dot decoder against a slow one that takes the whole wire at once, the encoder against another, and both against each other.
// All of it runs with the kernel (kernel.ts) and without.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decoder, encoder, endOfData, LINE_ENDINGS, stuff, unstuff, type LineEndings } from "../../dist/protocol/index.js";
import { Kernel, make, REACH, type Assembly } from "../../dist/protocol/kernel.js";
import { latin1, octetsOf } from "../drive.js";
import { random, splits } from "../splits.js";

const test = suite("data");
const WITHOUT_KERNEL = "data:text/javascript,delete globalThis.WebAssembly";
const hasKernel = "WebAssembly" in globalThis;

interface Decoded {
  readonly content: string;
  readonly rest: string;
  readonly bareCr: number;
  readonly bareLf: number;
  readonly longLines: number;
  readonly eightBit: boolean;
}

/** What stands in front of a segment and behind it is not part of it. */
const AROUND = Buffer.from("..\r\n..\r\n..");
/** A line of more octets is long. */
const LINE_OCTETS = 8;

/** RFC 5321 §4.5.2 told in regular expressions over the whole text. */
function reference(wire: string, policy: LineEndings, lineOctets = LINE_OCTETS): Decoded | undefined {
  const end = `\r\n${wire}`.indexOf("\r\n.\r\n");
  if (end < 0) return undefined;
  const data = wire.slice(0, end);
  const rest = wire.slice(end + 3);
  const unstuffed = data.split("\r\n").map((line) => (/^\.(?![\r\n])./s.test(line) ? line.slice(1) : line));
  const joined = unstuffed.join("\r\n");
  const bareCr = joined.match(/\r(?!\n)/g)?.length ?? 0;
  const bareLf = joined.match(/(?<!\r)\n/g)?.length ?? 0;
  const longLines = unstuffed.slice(0, -1).filter((line) => line.length + 2 > lineOctets).length;
  const content = policy === "normalise" ? joined.replace(/\r\n|\r|\n/g, "\r\n") : joined;
  return { content, rest, bareCr, bareLf, longLines, eightBit: /[\x80-\xff]/.test(data) };
}

/** RFC 5321 §4.5.2, §2.3.8 likewise: what stands on the wire, but for the end of the data. */
function stuffed(content: string): string {
  return content.replace(/\r\n|\r|\n/g, "\r\n").replace(/(?<=^|\r\n)\./g, "..");
}

function decode(segments: readonly Uint8Array[], policy: LineEndings, lineOctets = LINE_OCTETS): Decoded {
  const state = decoder(policy, lineOctets);
  let content = "";
  let rest = "";
  for (const segment of segments) {
    const lent = Buffer.concat([AROUND, segment, AROUND]);
    const before = latin1(lent);
    const to = lent.length - AROUND.length;
    let at = AROUND.length;
    while (at < to && state.position !== "end") {
      const step = unstuff(state, lent, at, to);
      if (!state.discard) content += latin1(step.content);
      at = step.at;
      if (policy === "refuse" && state.bareCr + state.bareLf > 0) state.discard = true;
    }
    rest += latin1(lent.subarray(at, to));
    assert.is(latin1(lent), before, "lent octets are not written to");
  }
  return { content, rest, bareCr: state.bareCr, bareLf: state.bareLf, longLines: state.longLines, eightBit: state.bits >= 0x80 };
}

/** A CR at the very end is followed by its LF, as with endOfData(). */
function encode(segments: readonly Uint8Array[]): string {
  const state = encoder();
  const wire = segments.map((segment) => latin1(stuff(state, segment))).join("");
  return state.position === "cr" ? `${wire}\n` : wire;
}

/** Into pieces of any length. */
function cut(octets: Uint8Array, next: (below: number) => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < octets.length; at += pieces.at(-1)!.length) pieces.push(octets.subarray(at, at + 1 + next([3, 100, 3000][next(3)]!)));
  return pieces;
}

function randomWire(next: (below: number) => number): string {
  const alphabet = ["\r\n", "\r\n", "\r\n.", ".", "\r", "\n", "a", "bcdefgh", "\r\n.\r", "\x80"];
  return `${Array.from({ length: next(14) }, () => alphabet[next(alphabet.length)]).join("")}\r\n.\r\nNOOP\r\n`;
}

/** Long enough for what looks at many octets at a time: lines of a mail, and here and there anything. */
function longWire(next: (below: number) => number): string {
  const alphabet = ["\r\n", "\r\n.\r", "\r\n.\n", ".", "\r", "\n", "\t", "\xe4", "\r\n..", "\r\n.a", "\r\n.\0", "\r\r\n", "\r\n\r\n", "y".repeat(150)];
  const often = 2 + next(40);
  const pieces = Array.from({ length: 30 + next(20) }, () => (next(often) === 0 ? alphabet[next(alphabet.length)]! : `${["", ".", ".."][next(6)] ?? ""}${"x..".repeat(next(25))}\r\n`));
  return `${pieces.join("")}\r\n.\r\nNOOP \xe4\r\n${"z".repeat(next(150))}`;
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

test("as the reference, for more than is loaded at a time", () => { // and from here on there is a kernel
  for (const unit of ["..\r\n", `${"x".repeat(72)}\r\n`, `..${"x".repeat(69)}\r\n`, "x", "\r\n", `${"x".repeat(1500)}\r\n.\t\r\n`, `${"\xe4".repeat(63)}\r`]) {
    const content = unit.repeat(Math.ceil(200_000 / unit.length));
    assert.is(encode([Buffer.from(content, "latin1")]), stuffed(content), unit);
    const wire = `${content}\r\n.\r\n`;
    for (const policy of ["pass", "normalise"] as const) assert.equal(decode([Buffer.from(wire, "latin1")], policy, 1000), reference(wire, policy, 1000), unit);
  }
});

test("as the reference, for what is as long as mail is", () => {
  const next = random(10);
  for (let run = 0; run < 150; run++) {
    const wire = longWire(next);
    const lineOctets = [LINE_OCTETS, 70, 100, Infinity][next(4)]!;
    const octets = Buffer.from(`${"-".repeat(next(4))}${wire}`, "latin1").subarray(-wire.length); // at any address
    for (const policy of ["pass", "normalise"] as const) {
      const expected = reference(wire, policy, lineOctets);
      for (const segments of run < 15 ? splits(octets) : [[octets], cut(octets, next), cut(octets, next)]) {
        assert.equal(decode(segments, policy, lineOctets), expected, JSON.stringify({ wire, policy, cuts: segments.map(({ length }) => length) }));
      }
    }
    const whole = decode([octets], "refuse", lineOctets);
    assert.equal(decode(cut(octets, next), "refuse", lineOctets).content, whole.content);
    assert.is(whole.rest, reference(wire, "pass")!.rest);
    const data = wire.slice(0, wire.indexOf("\r\n.\r\nNOOP"));
    for (const segments of run < 15 ? splits(octets.subarray(0, data.length)) : [[octets.subarray(0, data.length)], cut(octets.subarray(0, data.length), next)]) {
      assert.is(encode(segments), stuffed(data), JSON.stringify({ data, cuts: segments.map(({ length }) => length) }));
    }
  }
});

test("in chunks a dot is an octet like any other", () => {
  const next = random(12);
  for (let run = 0; run < 200; run++) {
    const wire = `${longWire(next)}\r\n\v.\r\n${"x".repeat(100)}`;
    for (const segments of [[Buffer.from(wire, "latin1")], cut(Buffer.from(wire, "latin1"), next)]) {
      const state = decoder("pass", 70, false);
      assert.is(segments.map((segment) => latin1(unstuff(state, segment, 0, segment.length).content)).join(""), wire);
      assert.is(state.longLines, wire.split("\r\n").slice(0, -1).filter((line) => line.length + 2 > 70).length);
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

test("stuffing as its reference, at any segmentation", () => {
  const next = random(11);
  for (let run = 0; run < 1000; run++) {
    const content = `a${randomWire(next).slice(0, -11)}`.slice(next(2));
    for (const segments of content === "" ? [] : splits(Buffer.from(content, "latin1"))) {
      assert.is(encode(segments), stuffed(content), JSON.stringify({ content, cut: segments[0]!.length }));
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
  for (const lines of [1, 2000]) {
    const data = `one\r\ntwo.\r\n\r\n${"x".repeat(70)}\r\n`.repeat(lines);
    const segment = octetsOf(`${data}.\r\n`);
    const { content } = unstuff(decoder("refuse", 1000), segment, 0, segment.length);
    assert.is(content.buffer, segment.buffer);
    assert.is(latin1(content), data);
    assert.is(stuff(encoder(), content).buffer, segment.buffer);
  }
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

test("octets are looked at, and copied, but a few times: an exact count", () => {
  const shapes = { text: "abcdefg\r\n", dots: "..\r\n", "empty lines": "\r\n", "bare CR": "a\r", "bare LF": "a\n", none: "a", odd: "abcdefg\ra\r\n" };
  for (const [shape, unit] of Object.entries(shapes)) {
    for (const policy of LINE_ENDINGS) {
      const decoding = (octets: Uint8Array): void => {
        const state = decoder(policy, 1000);
        for (let at = 0; at < octets.length; ) {
          ({ at } = unstuff(state, octets, at, octets.length));
          state.discard ||= state.bareCr + state.bareLf > 0 && policy === "refuse";
        }
      };
      inProportion(`${policy}, ${shape}`, unit, decoding);
    }
    inProportion(`stuffing, ${shape}`, unit, (octets) => void stuff(encoder(), octets));
  }
});

/** Counts what is read, one by one or four at a time, and what set() copies. */
function inProportion(what: string, unit: string, work: (octets: Uint8Array) => void): void {
  const counts = [2000, 8000].map((repeats) => {
    let count = 0;
    const counted = <T extends Uint8Array | Int32Array>(array: T): T =>
      new Proxy(array, {
        get: (target, key) => {
          if (typeof key === "string" && /^\d+$/.test(key)) count += 1;
          const value = Reflect.get(target, key, target) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const { Int32Array: Words } = globalThis;
    const { set } = Uint8Array.prototype;
    globalThis.Int32Array = new Proxy(Words, { construct: (_, args) => counted(Reflect.construct(Words, args) as Int32Array) });
    Uint8Array.prototype.set = function (from, at) {
      count += from.length;
      set.call(this, from, at);
    };
    const octets = octetsOf(unit.repeat(repeats));
    work(counted(octets));
    globalThis.Int32Array = Words;
    Uint8Array.prototype.set = set;
    return count / octets.length;
  }) as [number, number];
  assert.ok(counts[1] < counts[0] * 1.1 + 0.1 && counts[1] <= 6, `${what}: ${counts.join(" and ")} an octet`);
}

test("the kernel passes all that is ordinary, dots included, and stops in the block in which something is not", () => {
  const kernel = make((globalThis as { readonly WebAssembly?: Assembly }).WebAssembly);
  const most = 1000;
  for (const [line, put] of [["x".repeat(70), false], ["", false], ["\xe4\t\0", false], ["..", true]] as const) {
    const octets = Buffer.from(`${line}\r\n`.repeat(2000), "latin1");
    for (const odd of [octets.length, 640, 700, 703]) {
      const lines = { begin: 0, long: 0, bits: 0 };
      const segment = Buffer.concat([octets.subarray(0, odd), Buffer.from("\r\r\n\n"), octets]);
      const to = kernel?.load(segment, 0, odd === octets.length ? odd : segment.length) ?? 0;
      const passedTo = kernel?.pass(lines, 0, true, "drop", most) ?? 0;
      assert.ok(kernel === undefined || (odd === octets.length ? to - passedTo <= REACH : odd - passedTo <= 64 + 1 && passedTo <= odd), `${line}: ${passedTo} of ${odd}`);
      assert.is(kernel?.put !== undefined, put && kernel !== undefined);
    }
  }
});

test("the kernel is given an octet once, and asked once for a segment, or for every 1024 octets of what it cannot pass: an exact count", () => {
  const given = { octets: 0, times: 0 };
  const { load, pass } = Kernel.prototype;
  Kernel.prototype.load = function (octets, from, to) {
    const loadedTo = load.call(this, octets, from, to);
    given.octets += loadedTo - from;
    return loadedTo;
  };
  Kernel.prototype.pass = function (...args) {
    given.times += 1;
    return pass.apply(this, args);
  };
  const length = 65_536;
  for (const unit of [`${"x".repeat(70)}\r\n`, "\r\n", "..\r\n", "a", "a\r", "a\n", "abcdefg\ra\r\n", `${"x".repeat(1500)}\r\n.\t\r\n`]) {
    const ordinary = !/\r(?!\n)|(?<!\r)\n|\t/.test(unit);
    for (const segments of [1, 2, 4]) {
      const octets = octetsOf(unit.repeat(Math.ceil(length / unit.length))).subarray(0, length);
      for (const work of [() => { const state = decoder("pass", 1000); return () => void unstuff(state, octets, 0, length); }, () => { const state = encoder(); return () => void stuff(state, octets); }]) {
        Object.assign(given, { octets: 0, times: 0 });
        const next = work();
        for (let nth = 0; nth < segments; nth++) next();
        const times = segments * (ordinary ? 1 : length / 1024);
        assert.ok(given.octets <= (hasKernel ? segments * length : 0) && given.times <= (hasKernel ? times : 0), `${unit.slice(-9)}: ${given.octets} octets, ${given.times} times`);
      }
    }
  }
  Object.assign(Kernel.prototype, { load, pass });
  assert.ok(!hasKernel || given.octets > 0);
});

test("no kernel where there is no WebAssembly, or where it is not allowed", () => {
  const Module = class { constructor() { throw new Error("Refused to compile or instantiate WebAssembly module"); } };
  assert.is(make(undefined), undefined);
  assert.is(make({ Module, Instance: Module as never }), undefined);
});

if (hasKernel) {
  test("all this without the kernel", () => {
    const [uvu, build] = ["../../node_modules/uvu/bin.js", "../"].map((path) => fileURLToPath(new URL(path, import.meta.url))) as [string, string];
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", WITHOUT_KERNEL, uvu, build, "protocol/data\\.test\\.js$"], { encoding: "utf8", timeout: 300_000 });
    assert.is(status, 0, stdout + stderr);
  });
}

test.run();
