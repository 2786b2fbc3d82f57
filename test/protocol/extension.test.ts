// An extension of the application's own: a keyword, a parameter on each command, a verb; the engine is not touched.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  compose, DEFAULT_EXTENSIONS, EXPN, formatCommand, reply, settings, SIZE, SMTPUTF8, type Command, type Extension, type PrivateUse, type Row,
} from "../../dist/protocol/index.js";
import { withString } from "../../dist/protocol/verbs.js";
import { Drive } from "../drive.js";

const test = suite("extension");

interface Count extends PrivateUse { readonly type: "XCOUNT"; readonly upTo: number }

const XCOUNT: Row<Count> = {
  syntax: "XCOUNT number",
  endsGroup: true,
  parse: (scan) => {
    const text = scan.rest() ?? "";
    return /^\d+$/.test(text) ? { type: "XCOUNT", upTo: Number(text) } : reply(501, "5.5.4", "Syntax: XCOUNT number");
  },
  format: ({ upTo }) => `XCOUNT ${upTo}`,
  ok: ({ upTo }) => reply(250, "2.0.0", Array.from({ length: upTo }, (_, index) => `${index + 1}`)),
  in: { ready: { 2: "same" }, mail: { 2: "ready" } },
};

const COUNTING: Extension = {
  keyword: "XCOUNTING",
  argument: ({ recipients }) => `TO=${recipients}`,
  mail: { XFROM: { parse: (value) => (value === undefined ? true : reply(501, "5.5.4", "XFROM takes no value")) } },
  rcpt: { XNTH: { parse: (value) => Number(value) } },
  verbs: { XCOUNT },
  lineOctets: { RCPT: 30, XCOUNT: 10 },
};

const composed = settings({ hostname: "foo.com", extensions: [...DEFAULT_EXTENSIONS, COUNTING], limits: { commandLineOctets: 25, recipients: 7 } });

test("it is offered, understood and helped with", () => {
  const drive = new Drive(composed);
  drive.feed("EHLO x\r\n");
  assert.match(drive.takeReplies(), /250 XCOUNTING TO=7\r\n$/);
  drive.feed("XCOUNT 3\r\n");
  assert.is(drive.takeReplies(), "250-2.0.0 1\r\n250-2.0.0 2\r\n250 2.0.0 3\r\n");
  drive.feed("HELP xcount\r\nHELP\r\n");
  assert.match(drive.takeReplies(), /Syntax: XCOUNT number\r\n.*VRFY HELP XCOUNT\r\n$/s);
  drive.feed("xcount x\r\n");
  assert.is(drive.takeReplies(), "501 5.5.4 Syntax: XCOUNT number\r\n");
});

test("its parameters belong to their own commands, and only after EHLO", () => {
  const drive = new Drive(composed);
  drive.feed("EHLO x\r\nMAIL FROM:<a@b> XNTH=1\r\nMAIL FROM:<a@b> XFROM=1\r\nMAIL FROM:<a@b> xfrom\r\nRCPT TO:<c@d> XFROM\r\nRCPT TO:<c@d> XNTH=2\r\n");
  assert.equal(drive.takeReplies().match(/^\d{3} /gm)?.slice(2), ["555 ", "501 ", "250 ", "555 ", "250 "]);
  assert.equal(drive.log.slice(2), ["MAIL FROM:<a@b> XFROM", "RCPT TO:<c@d> XNTH=2"]);
  const old = new Drive(composed);
  old.feed("HELO x\r\nMAIL FROM:<a@b> XFROM\r\n");
  assert.match(old.replies, /555 5.5.4/);
});

test("it makes the lines of its commands longer, and no others", () => {
  const drive = new Drive(composed);
  drive.feed(`EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d> XNTH=${"1".repeat(30)}\r\nRSET\r\nXCOUNT ${"0".repeat(26)}\r\nXCOUNT ${"0".repeat(27)}\r\nNOOP ${"0".repeat(19)}\r\n`);
  assert.equal(drive.replies.match(/^\d{3} (?=.*\r\n)/gm)?.slice(-5), ["250 ", "250 ", "250 ", "500 ", "500 "]);
});

test("its verb has a place in the table, and moves the state as it says", () => {
  const drive = new Drive(composed);
  drive.feed("XCOUNT 1\r\nEHLO x\r\nMAIL FROM:<a@b>\r\nXCOUNT 1\r\n");
  assert.is(drive.server.state, "ready");
  assert.match(drive.replies, /^220.*\r\n503 /);
  assert.ok(drive.log.includes("abort reset"), "and the transaction it ended is told of");
});

test("without `in`, a verb is allowed wherever commands are, and changes nothing", () => {
  const grammar = compose([{ keyword: "XY", verbs: { XPING: withString("NOOP", "XPING", () => reply(250, "", "pong"), false) } }]);
  assert.equal(["hello", "ready", "mail", "rcpt"].map((state) => grammar.transitions[state as "mail"]["XPING"]), Array(4).fill({ 2: "same" }));
  assert.is(grammar.transitions.data["XPING"], undefined);
  assert.is(formatCommand({ type: "XPING", string: "x" } as unknown as Command, { ...grammar }), "NOOP x");
  assert.throws(() => formatCommand({ type: "XNONE" }, grammar), /XNONE is not offered/);
});

test("EXPN is not implemented, unless it is composed: then it is offered, and has an answer", () => {
  const drive = new Drive(settings({ extensions: [EXPN] }), { answers: new Map([["EXPN staff", "250-<a@foo.com>\n250 <b@foo.com>"]]) });
  drive.feed("EHLO x\r\n");
  assert.match(drive.takeReplies(), /250 EXPN\r\n$/);
  drive.feed("EXPN staff\r\nEXPN others\r\nEXPN\r\n");
  assert.is(drive.replies, "250-<a@foo.com>\r\n250 <b@foo.com>\r\n252 Cannot EXPN the list, but will accept message and attempt delivery\r\n501 Syntax: EXPN string\r\n");
});

test("what cannot be composed", () => {
  assert.throws(() => compose([SIZE, SIZE]), /the keyword SIZE is taken/);
  assert.throws(() => compose([SIZE, { keyword: "XS", mail: { SIZE: { parse: () => true } } }]), /the MAIL parameter SIZE is taken/);
  assert.throws(() => compose([{ keyword: "XN", verbs: { NOOP: XCOUNT } }]), /the verb NOOP is taken/);
  assert.throws(() => compose([{ keyword: "no good" }]), /"no good" is no keyword/);
  assert.throws(() => compose([{ keyword: "XL", verbs: { xcount: XCOUNT } }]), /"xcount" is no verb/);
  assert.throws(() => compose([SMTPUTF8]), /SMTPUTF8 cannot be offered without 8BITMIME/);
});

test.run();
