// An extension of the application's own: a keyword, a parameter on each command, a verb; the engine is not touched.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  compose, DEFAULT_EXTENSIONS, EXPN, formatCommand, relayed, reply, settings, SIZE, sizeOffered, SMTPUTF8, type Command, type Extension, type PrivateUse, type Row,
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

test("what is promised for the whole way, a relay offers only where its next hop does; the smaller SIZE", () => {
  const ours = settings({ hostname: "foo.com", extensions: [...DEFAULT_EXTENSIONS, SMTPUTF8, COUNTING], limits: { messageOctets: 1000 } });
  const answer = (offers: readonly (readonly [string, string])[]): string => {
    const drive = new Drive(settings());
    drive.server.offer(relayed(ours, new Map(offers)));
    drive.takeReplies();
    drive.feed("EHLO x\r\n");
    return drive.takeReplies().replace(/250[- ]/g, "").replaceAll("\r\n", ", ");
  };
  assert.is(answer([]), "foo.com, PIPELINING, SIZE 1000, HELP, XCOUNTING TO=1000, ");
  assert.is(answer([["8BITMIME", ""], ["SMTPUTF8", ""], ["SIZE", "999"]]), "foo.com, PIPELINING, SIZE 999, 8BITMIME, HELP, SMTPUTF8, XCOUNTING TO=1000, ");
  assert.is(answer([["SMTPUTF8", ""], ["SIZE", "0"]]), "foo.com, PIPELINING, SIZE 1000, HELP, XCOUNTING TO=1000, ", "SMTPUTF8 needs 8BITMIME");
  assert.is(answer([["ENHANCEDSTATUSCODES", ""], ["SIZE", "lots"]]), "foo.com, PIPELINING, SIZE 1000, ENHANCEDSTATUSCODES, HELP, XCOUNTING TO=1000, ");
  assert.is(sizeOffered(new Map([["SIZE", "9".repeat(20)]])), Number.MAX_SAFE_INTEGER);
  const unlimited = settings({ limits: { messageOctets: 0 } });
  assert.is(relayed(unlimited, new Map([["SIZE", "5"]])).limits.messageOctets, 5);
});

test("what is offered may change with the next hello: grammar, limits, verbs", () => {
  const drive = new Drive(composed);
  drive.server.offer(settings({ hostname: "foo.com" }));
  drive.feed("EHLO x\r\nXCOUNT 1\r\n");
  assert.match(drive.takeReplies(), /500 5.5.1/);
  drive.server.offer(composed);
  drive.feed("EHLO x\r\nXCOUNT 1\r\nRCPT TO:<a@b>\r\n");
  assert.match(drive.takeReplies(), /XCOUNTING.*250 2.0.0 1\r\n503/s);
  drive.server.offer(settings({ hostname: "foo.com" }));
  drive.feed("EHLO x\r\nXCOUNT 1\r\n");
  assert.match(drive.takeReplies(), /500 5.5.1/);
});

test("a line that has begun is read to its end, though longer lines are allowed meanwhile", () => {
  const drive = new Drive(settings({ limits: { commandLineOctets: 20 }, extensions: [] }));
  drive.feed("NOOP 1234567890");
  drive.server.offer(settings({ limits: { commandLineOctets: 40 } }));
  drive.feed("1234567890\r\nNOOP 1234567890");
  drive.server.offer(settings({ limits: { commandLineOctets: 60 } }));
  drive.feed("x".repeat(20)).feed("x".repeat(20)).feed("\r\n");
  assert.equal(drive.log.slice(1), ["NOOP 12345678901234567890", `NOOP 1234567890${"x".repeat(40)}`]);
});

test("LHLO is for LMTP, EHLO and HELO for SMTP", () => {
  assert.match(new Drive(settings()).feed("LHLO x\r\nHELP LHLO\r\n").takeReplies(), /\r\n500 5\.5\.1 .*\r\n504 /);
  assert.match(new Drive(settings({ lmtp: true })).feed("EHLO x\r\nHELO x\r\n").takeReplies(), /LMTP ready\r\n500 5\.5\.1 .*\r\n500 5\.5\.1 /);
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
