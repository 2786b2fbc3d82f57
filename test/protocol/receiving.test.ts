// The receiving end, where a dialogue cannot show it: what comes too early, and what its caller does wrong.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auth, BINARYMIME, CHUNKING, DEFAULT_EXTENSIONS, LIMITS, parseReply, Server, settings, STARTTLS } from "../../dist/protocol/index.js";
import { Drive, octetsOf } from "../drive.js";

const test = suite("receiving");

const TLS = settings({ hostname: "foo.com", extensions: [...DEFAULT_EXTENSIONS, STARTTLS, auth(({ secure }) => (secure ? ["PLAIN"] : []))] });

test("what is behind STARTTLS is dropped, and told of; nothing is read until the handshake is done", () => {
  for (const tail of ["RSET\r\n", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", "half a li", "\r", "x".repeat(5000)]) {
    const drive = new Drive(TLS).feed(`EHLO x\r\nSTARTTLS\r\n${tail}`);
    assert.is(drive.log.at(-1), `handshake, ${tail.length} octets dropped`);
    assert.match(drive.replies, /220 2\.0\.0 Ready to start TLS\r\n$/);
    assert.throws(() => drive.server.receive(octetsOf("x")), /handshake has to be done first/);
    assert.equal([drive.server.wait.for, drive.server.wait.ms], ["handshake", LIMITS.handshakeMs]);
    drive.takeReplies();
    drive.server.secured();
    drive.run().feed("NOOP\r\nMAIL FROM:<a@b>\r\n");
    assert.match(drive.takeReplies(), /^250 2\.0\.0 OK\r\n503 5\.5\.1 .*: send EHLO or HELO first\r\n$/);
    drive.feed("EHLO x\r\n");
    assert.match(drive.takeReplies(), /250 AUTH PLAIN\r\n$/);
    assert.ok(drive.server.secure);
  }
});

test("secured() where there was no handshake to do, and behind the end", () => {
  const drive = new Drive(TLS);
  assert.throws(() => drive.server.secured(), /no handshake to do/);
  drive.feed("EHLO x\r\nSTARTTLS\r\n");
  drive.server.ended();
  drive.server.secured();
  assert.is(drive.run().last, "close");
});

test("under TLS from the first octet on", () => {
  const server = new Server(TLS, { secure: true });
  assert.ok(server.secure);
  assert.not.ok(server.authenticated);
});

test("a shutdown during the handshake", () => {
  const drive = new Drive(TLS).feed("EHLO x\r\nSTARTTLS\r\n");
  drive.server.shutdown(true);
  assert.is(drive.run().last, "close");
});

test("an exchange of AUTH ends with a line that is too long, and with too many errors", () => {
  const options = settings({ extensions: [auth(() => ["PLAIN"])], limits: { errors: 3 } });
  const drive = new Drive(options, { answers: new Map([["AUTH PLAIN", "334 "]]) });
  drive.feed(`EHLO x\r\nAUTH PLAIN\r\n${"A".repeat(12_284)}\r\n`);
  assert.match(drive.takeReplies(), /334 \r\n451 /, "as long as it may be: no hook answered it");
  drive.feed(`AUTH PLAIN\r\n${"A".repeat(12_288)}\r\nAUTH PLAIN\r\n${"A".repeat(40_000)}\r\n`);
  assert.is(drive.takeReplies(), "334 \r\n500 Authentication exchange line is too long\r\n334 \r\n500 Authentication exchange line is too long\r\n");
  drive.feed("AUTH PLAIN\r\n*\r\n");
  assert.match(drive.takeReplies(), /334 \r\n421 /);
});

test("what is no line of text is no response, and no chunk", () => {
  const drive = new Drive(settings({ extensions: [auth(() => ["PLAIN"])] }), { answers: new Map([["AUTH PLAIN", "334 "]]) });
  drive.feed("EHLO x\r\nAUTH PLAIN\r\n").feed(Uint8Array.of(1, 0xff, 13, 10));
  assert.match(drive.replies, /334 \r\n501 That is no base64\r\n$/);
  for (const line of ["BDAT", "BDAT ", "BDAT \t", "BDAT 1 FIRST", "BDAT \x01", "BDAT 1LAST"]) {
    assert.match(new Drive(settings({ extensions: [CHUNKING] })).feed(`EHLO x\r\n${line}\r\n`).replies, /421 .*where that chunk ends\r\n$/, line);
  }
});

test("only what an encoder writes is base64, with AUTH and behind it (RFC 4954 §4, RFC 4648 §3.5)", () => {
  const drive = new Drive(settings({ extensions: [auth(() => ["PLAIN"])], limits: { errors: 100 } }), { answers: new Map([["AUTH PLAIN", "334 "]]) }).feed("EHLO x\r\n");
  const said = (line: string): string => (drive.takeReplies(), drive.feed(`${line}\r\n`), drive.takeReplies());
  for (const bad of ["!", "A", "QQ", "QQ=", "QQ===", "QR==", "QUJ=", "QQ==QQ==", "=AAA", "====", "-_=="]) {
    assert.is(said(`AUTH PLAIN ${bad}`), "501 That is no base64\r\n", bad);
    assert.is(said(`AUTH PLAIN\r\n${bad}`), "334 \r\n501 That is no base64\r\n", bad);
  }
  for (const bad of ["Q Q=", " QQ==", "QQ== ", "QUI\tD", "ü"]) assert.is(said(`AUTH PLAIN\r\n${bad}`), "334 \r\n501 That is no base64\r\n", bad);
  for (const good of ["", "QQ==", "QUI=", "QUJD", "QUJDRA=="]) assert.match(said(`AUTH PLAIN\r\n${good}`), /^334 \r\n451 /, good);
});

test("AUTH succeeds with the response", () => {
  const drive = new Drive(settings({ extensions: [auth(() => ["PLAIN"])] }), { answers: new Map([["AUTH PLAIN", "334 "], ["AGEAYg==", "235 Welcome"]]) });
  drive.feed("EHLO x\r\nAUTH PLAIN\r\nAGEAYg==\r\n");
  assert.ok(drive.server.authenticated);
  assert.match(drive.replies, /235 Welcome\r\n$/);
});

test("AUTH succeeds at once", () => {
  const drive = new Drive(settings({ extensions: [auth(() => ["PLAIN"])] }), { answers: new Map([["AUTH PLAIN AGEAYg==", "235 Welcome"]]) });
  drive.feed("EHLO x\r\nAUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\n");
  assert.match(drive.replies, /235 Welcome\r\n503 /);
});

test("a chunk may be refused by the application while it is read, for good", () => {
  const drive = new Drive(settings({ extensions: [CHUNKING] })).feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\n1");
  drive.server.refuse(parseReply("554 No"));
  drive.run().feed("234BDAT 1 LAST\r\nx");
  assert.match(drive.replies, /554 No\r\n503 /);
  assert.ok(drive.log.includes("abort refused"));
});

test("chunks whose message is consented to late, or not, are read to the octet", () => {
  for (const answer of [undefined, "550 No"]) {
    const drive = new Drive(settings({ extensions: [CHUNKING] }), { slow: true });
    drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n").answer().feed("RCPT TO:<c@d>\r\n").answer();
    drive.feed("BDAT 14\r\nSubject: x\r\n\r\nBDAT 9 LAST\r\n.dot\r\nendNOOP\r\n").answer(answer);
    if (answer === undefined) {
      assert.equal(drive.log.slice(-2), ['body "Subject: x\\r\\n\\r\\n.dot\\r\\nend"', "message 23"]);
      drive.answer().answer();
      assert.match(drive.replies, /250 Chunk taken\r\n250 Message accepted\r\n250 OK\r\n$/);
    } else {
      assert.is(drive.log.at(-1), "NOOP");
      assert.match(drive.replies, /550 No\r\n503 .*\r\n$/);
    }
  }
});

test("a session that ends in the midst of a chunk, wanted or not", () => {
  for (const chunk of ["BDAT 10\r\n12", "BDAT 5\r\n123"]) {
    const drive = new Drive(settings({ extensions: [CHUNKING] })).feed(`EHLO x\r\nMAIL FROM:<a@b>\r\n${chunk.startsWith("BDAT 1") ? "RCPT TO:<c@d>\r\n" : ""}${chunk}`);
    assert.is(drive.server.wait.for, "data");
    drive.server.timedOut();
    assert.match(drive.run().replies, /421 .*Timeout\r\n$/);
    assert.equal(drive.log.slice(-2), ["abort timed out", "close"]);
  }
});

test("an application that hangs up at a chunk, and errors without end in chunks", () => {
  const answers = new Map([["DATA", "421 Bye"]]);
  const drive = new Drive(settings({ extensions: [CHUNKING] }), { answers }).feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\n1234");
  assert.match(drive.replies, /421 Bye\r\n$/);
  assert.is(drive.last, "close");
  const few = new Drive(settings({ extensions: [CHUNKING], limits: { errors: 1, messageOctets: 2 } })).feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\n1234");
  assert.match(few.replies, /421 .*Too many errors\r\n$/);
  const lmtp = new Drive(settings({ lmtp: true, extensions: [], limits: { errors: 1, messageOctets: 2 } })).feed("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n1234\r\n.\r\n");
  assert.match(lmtp.replies, /421 .*Too many errors\r\n$/);
});

test("with BINARYMIME, nothing of the octets is looked at", () => {
  const octets = Uint8Array.from({ length: 256 }, (_, index) => index);
  const drive = new Drive(settings({ extensions: [...DEFAULT_EXTENSIONS, CHUNKING, BINARYMIME] })).feed("EHLO x\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\nBDAT 256 LAST\r\n").feed(octets);
  assert.equal(drive.log.slice(-2), [`body ${JSON.stringify(Buffer.from(octets).toString("latin1"))}`, "message 256"]);
});

test.run();
