// Replies: values, text in both directions, and the clause that each rests on.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatReply, parseReply, reply, REPLIES } from "../../dist/protocol/index.js";

const test = suite("reply");
const plain = { enhanced: false, utf8: false, lineOctets: 512 };
const full = { enhanced: true, utf8: false, lineOctets: 512 };

test("one line, several lines", () => {
  assert.is(formatReply(reply(250, "2.0.0", "OK"), full), "250 2.0.0 OK\r\n");
  assert.is(formatReply(reply(250, "2.0.0", "OK"), plain), "250 OK\r\n");
  assert.is(formatReply(reply(550, "5.1.1", "a\nb\r\nc"), full), "550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.1 c\r\n");
  assert.is(formatReply(reply(250, "", ["a", "b"]), full), "250-2.0.0 a\r\n250 2.0.0 b\r\n", "one that has no code gets that of its kind");
  assert.is(formatReply(reply(354, "", "go on"), full), "354 go on\r\n");
  assert.is(formatReply(reply(250, "", []), plain), "250 \r\n");
});

test("a text cannot break out of its line", () => {
  assert.is(formatReply(reply(550, "", ["a\r\n250 OK", "\x1b[2J\x7f\0é"]), plain), "550-a??250 OK\r\n550 ?[2J???\r\n");
  assert.is(formatReply(reply(550, "", ["é\x9b\r"]), { ...plain, utf8: true }), "550 é??\r\n");
  assert.is(formatReply(reply(550, "", "a\tb"), plain), "550 a\tb\r\n");
});

test("a line is never longer than 512 octets", () => {
  for (const [text, format] of [["x".repeat(2000), plain], ["x".repeat(2000), full], ["€".repeat(2000), { ...full, utf8: true }], [`a${"👋".repeat(500)}`, { ...full, utf8: true }]] as const) {
    const lines = formatReply(reply(550, "5.7.1", text), format).split("\r\n").slice(0, -1);
    for (const line of lines) assert.ok(Buffer.byteLength(line) + 2 <= 512, `${Buffer.byteLength(line)}`);
    assert.is(lines.map((line) => line.slice(format.enhanced ? 10 : 4)).join(""), text);
    assert.ok(lines.slice(0, -1).every((line) => line.startsWith("550-")) && lines.at(-1)!.startsWith("550 "));
  }
});

test("from text", () => {
  const parts = (text: string): unknown => {
    const { code, enhanced, lines } = parseReply(text);
    return [code, enhanced, ...lines];
  };
  assert.equal(parts("250"), [250, "", ""]);
  assert.equal(parts("250 OK"), [250, "", "OK"]);
  assert.equal(parts("550 5.7.1 Not today"), [550, "5.7.1", "Not today"]);
  assert.equal(parts("550 4.7.1 is part of the text"), [550, "", "4.7.1 is part of the text"]);
  assert.equal(parts("550-5.7.1 one\n550 5.7.1 two"), [550, "5.7.1", "one", "two"]);
  assert.equal(parts("550 5.7.1 one\ntwo"), [550, "5.7.1", "one", "two"]);
  assert.equal(parts("250-first\n2500 users\n250"), [250, "", "first", "2500 users", ""]);
  for (const text of ["", "OK", "25", "2500 x", "999 x", "150 x", "270 x", "250OK", " 250 OK"]) assert.throws(() => parseReply(text), RangeError, text);
});

test("what is no reply", () => {
  for (const code of [0, 199, 260, 600, 250.5, NaN]) assert.throws(() => reply(code, "", "x"), RangeError, `${code}`);
  for (const enhanced of ["5.1.1", "2.1", "2.1.1.1", "x", "2.1000.1"]) assert.throws(() => reply(250, enhanced, "x"), RangeError, enhanced);
});

test("every reply of the engine rests on a clause, and has the enhanced code of its kind", () => {
  for (const [name, { code, enhanced, clause }] of Object.entries(REPLIES)) {
    assert.match(clause, /^RFC \d+ §[\d.]+$/, name);
    assert.is(enhanced === "", code === 354, name);
  }
});

test("a reply that somebody made without a line has an empty one; a code may be text", () => {
  assert.is(formatReply({ code: 250, enhanced: "", lines: [], clause: "" }, { enhanced: false, utf8: false, lineOctets: 512 }), "250 \r\n");
  assert.is(formatReply(reply("550" as unknown as number, "5.7.1", "No"), { enhanced: true, utf8: false, lineOctets: 512 }), "550 5.7.1 No\r\n");
  for (const code of ["", "2x0", "260", 250.5, NaN, undefined]) assert.throws(() => reply(code as number, "", "x"), RangeError, String(code));
});

test.run();
