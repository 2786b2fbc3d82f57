// What -d prints: lines of both sides, whatever the segments, and no credentials.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Dialogue } from "../dist/dialogue.js";

const test = suite("dialogue");

/** Octets as they come: "C:" from the client, "S:" from the server. */
function printed(...segments: readonly string[]): string[] {
  const lines: string[] = [];
  const dialogue = new Dialogue((line) => lines.push(line.replace(/^peer /, "")));
  const peer = {};
  for (const segment of segments) dialogue.take(peer, "peer", segment.startsWith("C:") ? "client" : "server", Buffer.from(segment.slice("C:".length), "latin1"));
  return lines;
}

const GREETED = ["S:220 foo.com ESMTP\r\n"];
const SECRET = "dGVzdAB0ZXN0AHRlc3Q=";

function keepsTheSecret(...segments: readonly string[]): string[] {
  const lines = printed(...GREETED, ...segments, "C:NOOP\r\n");
  assert.not.match(lines.join("\n"), /[A-Za-z0-9+/]{12}/, "no base64");
  assert.is(lines.at(-1), "C: NOOP", "and what follows is shown again");
  return lines.slice(GREETED.length, -1);
}

test("both sides, in lines, control characters shown", () => {
  assert.equal(printed("S:220 foo", "S:.com\r", "S:\n", "C:NO", "C:OP \x1b\r\nQUIT\nx", "S:250 b\xc3\xa4r\r\n"), [
    "S: 220 foo.com", "C: NOOP \\x1b", "C: QUIT", "S: 250 b\u00e4r",
  ]);
});

test("a line without an end, in pieces", () => {
  assert.equal(printed(`C:${"x".repeat(2500)}`, "C:\r\n"), [`C: ${"x".repeat(1000)}`, `C: ${"x".repeat(1000)}`, `C: ${"x".repeat(500)}`]);
});

for (const command of ["AUTH PLAIN ", "auth plain\t", "AUTH\tPLAIN\t", "AUTH \t PLAIN \t ", " AUTH PLAIN ", "AUTH ", "AUTH  ", "AUTHENTICATE"]) {
  test(`${JSON.stringify(command)}: what stands behind is not shown`, () => {
    for (const end of ["\r\n", "\n", "\r\r\n", `\r${SECRET}\r\n`]) {
      const [said, answered] = keepsTheSecret(`C:${command}${SECRET}${end}`, "S:235 2.7.0 Hello\r\n");
      assert.match(said!, /^C:\s+AUTH.*\(credentials\)$/i);
      assert.is(answered, "S: 235 2.7.0 Hello");
    }
  });
}

test("the mechanism is shown", () => {
  assert.equal(keepsTheSecret("C:AUTH SCRAM-SHA-256 =\r\n", "S:334 \r\n", `C:${SECRET}\r\n`, "S:334 abc\r\n", "C:\r\n", "S:235 Ok\r\n"), [
    "C: AUTH SCRAM-SHA-256 (credentials)", "S: 334 ", "C: (credentials)", "S: 334 abc", "C: (credentials)", "S: 235 Ok",
  ]);
  assert.equal(keepsTheSecret("C:AUTH LOGIN\r\n", "S:504 No\r\n"), ["C: AUTH LOGIN", "S: 504 No"]);
});

test("a command in the middle of which the segment ends", () => {
  const command = `AUTH\tPLAIN\t${SECRET}`;
  for (let cut = 1; cut < command.length; cut++) {
    assert.equal(keepsTheSecret(`C:${command.slice(0, cut)}`, `C:${command.slice(cut)}\n`, "S:235 Ok\r\n"), ["C: AUTH\tPLAIN\t(credentials)", "S: 235 Ok"]);
  }
});

test("a line that is long, and comes in segments", () => {
  const token = SECRET.repeat(100);
  for (const cut of [500, 1001, 1500]) {
    for (const begin of ["AUTH XOAUTH2 ", "AUTH XOAUTH2\r\n"]) {
      const said = `${begin}${token}`;
      const lines = keepsTheSecret(`C:${said.slice(0, cut)}`, `C:${said.slice(cut)}`, "C:\r\n", ...(begin.endsWith("\n") ? ["S:334 \r\n"] : []), "S:235 Ok\r\n");
      assert.match(lines[0]!, /^C: AUTH XOAUTH2/);
    }
  }
});

test("a line that goes on when the exchange is over", () => {
  keepsTheSecret("C:AUTH LOGIN\r\n", "S:334 \r\n", `C:${SECRET}`, "S:421 Timeout\r\n", `C:${SECRET}\r\n`);
  keepsTheSecret("C:AUTH LOGIN\r\n", "S:334 \r\n", `C:${SECRET.repeat(60)}`, "S:500 Too long\r\n", `C:${SECRET.repeat(120)}`, `C:${SECRET}\r\n`);
});

test("a client that does not wait", () => {
  for (const end of ["\r\n", "\n"]) {
    keepsTheSecret(`C:${["EHLO x", "AUTH LOGIN", SECRET, SECRET, ""].join(end)}`, "S:250-foo.com\r\n250 AUTH LOGIN\r\n", "S:334 a\r\n334 b\r\n", "S:235 Ok\r\n");
  }
  keepsTheSecret("C:EHLO x\r\nAUTH LOGIN\r\n", "S:250-foo.com\r\n250 AUTH LOGIN\r\n", `C:${SECRET}\r\n`, "S:334 a\r\n", "S:334 b\r\n", `C:${SECRET}\r\n`, "S:535 No\r\n");
  assert.not.match(printed(`C:EHLO x\r\nAUTH LOGIN\r\n`, ...GREETED, "S:500 No\r\n", `C:${SECRET}\r\n`).join("\n"), /dGVz/);
});

test("base64 that a program has cut into lines", () => {
  keepsTheSecret(`C:AUTH PLAIN ${SECRET}\n${SECRET}\r\n`, "S:500 No LF\r\n");
});

test("mail data is shown as it is", () => {
  assert.equal(printed(...GREETED, "C:DATA\r\n", "S:354 Go on\r\n", "C:AUTH is an extension,\r\nAUTH PLAIN x\n.\n..\r\n", "C:.\r\nNOOP\r\nAUTH PLAIN x\r\n", "S:250 Ok\r\n").slice(3), [
    "C: AUTH is an extension,", "C: AUTH PLAIN x", "C: .", "C: ..", "C: .", "C: NOOP", "C: AUTH PLAIN (credentials)", "S: 250 Ok",
  ]);
});

test("connections do not mix", () => {
  const lines: string[] = [];
  const dialogue = new Dialogue((line) => lines.push(line));
  const [one, other] = [{}, {}];
  dialogue.take(one, "one", "server", Buffer.from("334 \r\n"));
  dialogue.take(other, "other", "client", Buffer.from("NO"));
  dialogue.take(one, "one", "client", Buffer.from("x\r\n"));
  dialogue.take(other, "other", "client", Buffer.from("OP\r\n"));
  assert.equal(lines, ["one S: 334 ", "one C: (credentials)", "other C: NOOP"]);
});

test.run();
