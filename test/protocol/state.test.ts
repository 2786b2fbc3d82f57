// The table of states, walked over every state and verb, and the conversation at both ends.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Conversation, EXPN, settings, TRANSITIONS, type State } from "../../dist/protocol/index.js";
import { Drive } from "../drive.js";

const test = suite("state");
const ALL = settings({ extensions: [EXPN] });

/** How to get to each state that takes commands. */
const WAYS: Partial<Record<State, readonly string[]>> = {
  hello: [],
  ready: ["EHLO x\r\n"],
  mail: ["EHLO x\r\n", "MAIL FROM:<a@b>\r\n"],
  rcpt: ["EHLO x\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n"],
};

const COMMAND_LINES: { readonly [verb: string]: string } = {
  EHLO: "EHLO y", HELO: "HELO y", MAIL: "MAIL FROM:<a@b>", RCPT: "RCPT TO:<c@d>", DATA: "DATA", RSET: "RSET", NOOP: "NOOP", VRFY: "VRFY a", EXPN: "EXPN a", QUIT: "QUIT",
};

for (const [state, way] of Object.entries(WAYS)) {
  for (const [name, line] of Object.entries(COMMAND_LINES)) {
    test(`${name} in "${state}"`, () => {
      const drive = new Drive(ALL);
      for (const each of way) drive.feed(each);
      assert.is(drive.server.state, state);
      drive.takeReplies();
      drive.feed(`${line}\r\n`);
      const moves = TRANSITIONS[state as State][name];
      if (moves === undefined) {
        assert.match(drive.replies, /^503 /);
        assert.is(drive.server.state, state);
      } else {
        assert.not.match(drive.replies, /^503 /);
        const next = moves[3] ?? moves[2];
        assert.is(drive.server.state, next === "same" ? state : next);
      }
    });
  }
}

test("a refused command changes nothing, in any state", () => {
  for (const [state, way] of Object.entries(WAYS)) {
    for (const line of Object.values(COMMAND_LINES)) {
      for (const refusal of ["450 4.2.0 Not now", "550 5.7.1 Never"]) {
        const drive = new Drive(ALL, { slow: true });
        drive.answer();
        for (const each of way) drive.feed(each).answer();
        drive.feed(`${line}\r\n`);
        if (drive.owed > 0) drive.answer(refusal);
        assert.is(drive.server.state, state, `${line} ${refusal}`);
      }
    }
  }
});

test("the sending end: a group is asked ahead, and each reply does what was settled when its command was sent", () => {
  const client = new Conversation<{ type: string }>(TRANSITIONS);
  client.ask({ type: "connect" });
  client.answer(220);
  client.ask({ type: "EHLO" });
  client.answer(250);
  for (const type of ["MAIL", "RCPT", "RCPT", "DATA"]) client.ask({ type });
  assert.is(client.state, "ready");
  assert.is(client.owed, 4);
  assert.not.ok(client.allows("NOOP"));
  client.answer(250);
  assert.is(client.oldest?.type, "RCPT");
  client.answer(550);
  client.answer(550);
  client.answer(354); // RFC 2920 §3.1: a server may say 354 though it refused every recipient
  assert.is(client.state, "data");
  client.ask({ type: "message" });
  client.answer(554);
  assert.is(client.state, "ready");
});

test("a group of which MAIL is refused ends where it began", () => {
  const client = new Conversation<{ type: string }>(TRANSITIONS);
  for (const [type, code] of [["connect", 220], ["HELO", 250]] as const) {
    client.ask({ type });
    client.answer(code);
  }
  for (const type of ["MAIL", "RCPT", "DATA"]) client.ask({ type });
  for (const code of [550, 503, 503]) client.answer(code);
  assert.is(client.state, "ready");
  assert.ok(client.allows("MAIL"));
});

test("a command that only ever fails is hoped to change nothing", () => {
  const client = new Conversation<{ type: string }>({ ...TRANSITIONS, connect: { XNO: { 5: "refused" } } });
  client.ask({ type: "XNO" });
  assert.ok(client.allows("XNO"));
  client.answer(550);
  assert.is(client.state, "refused");
});

test("what a caller must not do", () => {
  const client = new Conversation<{ type: string }>(TRANSITIONS);
  assert.throws(() => client.answer(250), /no reply is owed/);
  assert.throws(() => client.ask({ type: "MAIL" }), /MAIL is out of place/);
  assert.throws(() => client.ask({ type: "toString" }), /out of place/);
  client.ask({ type: "connect" });
  assert.throws(() => client.answer(354), /354 does not answer connect/);
  assert.throws(() => client.answer(NaN), RangeError);
  assert.is(client.owed, 1);
  client.answer(421);
  assert.is(client.state, "closed");
  assert.not.ok(client.allows("QUIT"));
});

test.run();
