// The sending end: what it refuses to say, what it waits for, what its caller may get wrong. Dialogues are in transcripts/10 and 11.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Client, CLIENT_EXTENSIONS, LIMITS, reply, REQUIRE_TLS, type Request } from "../../dist/protocol/index.js";
import { ClientDrive, commandOf } from "../client-transcript.js";
import { random } from "../splits.js";

const test = suite("client");

const HELLO = "250-foo.com\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n";

/** A session up to the answer to EHLO. */
function introduced(): ClientDrive {
  const drive = new ClientDrive(new Client());
  drive.feed(octets("220 foo.com\r\n"));
  drive.say("EHLO bar.com");
  drive.feed(octets(HELLO));
  drive.takeOutput();
  return drive;
}

function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function upToData(): ClientDrive {
  const drive = introduced();
  for (const line of ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"]) drive.say(line);
  drive.feed(octets("250 a\r\n250 b\r\n354 c\r\n"));
  drive.takeOutput();
  return drive;
}

const path = (localPart: string, domain: string) => ({ sourceRoute: [], localPart, domain });
test("a command that is too long is not written, whatever its characters take", () => {
  const { client } = introduced();
  for (const string of ["x".repeat(1_000_000), "x".repeat(LIMITS.commandLineOctets), "é".repeat(LIMITS.commandLineOctets / 2)]) {
    assert.throws(() => client.send({ type: "VRFY", string }), /too long/);
  }
});

const HOSTILE: readonly Request[] = [
  ...["\r", "\n", "\r\n", "\0", "\x7f", "\x1b", "\t"].flatMap((octet): Request[] => [
    { type: "MAIL", reversePath: path(`a${octet}RSET`, "b"), parameters: {} },
    { type: "RCPT", forwardPath: path("a", `b${octet}`), parameters: {} },
    { type: "MAIL", reversePath: null, parameters: { BODY: `8BITMIME${octet}` } },
    { type: "MAIL", reversePath: null, parameters: { [`BODY${octet}`]: "8BITMIME" } },
    { type: "EHLO", domain: `x${octet}NOOP` },
    { type: "NOOP", string: `x${octet}` },
    { type: "VRFY", string: octet },
    { type: "AUTH", mechanism: "PLAIN", initial: `x${octet}` },
    { type: "AUTH", mechanism: `PLAIN${octet}` },
  ]),
  { type: "MAIL", reversePath: path("a", "b> SIZE=1"), parameters: {} },
  { type: "MAIL", reversePath: path("a> SIZE=1 <", "b"), parameters: {} },
  { type: "MAIL", reversePath: path("", "b"), parameters: {} },
  { type: "MAIL", reversePath: { ...path("a", "b"), sourceRoute: ["c:d"] }, parameters: {} },
  { type: "MAIL", reversePath: path("a", "b"), parameters: { SIZE: "1 BODY=7BIT" } },
  { type: "MAIL", reversePath: path("a", "b"), parameters: { SIZE: 1001 } },
  { type: "MAIL", reversePath: path("a", "b"), parameters: { SMTPUTF8: true } },
  { type: "MAIL", reversePath: path("ü", "b"), parameters: {} },
  { type: "MAIL", reversePath: path("a".repeat(65), "b"), parameters: {} },
  { type: "MAIL", reversePath: path("root", ""), parameters: {} },
  { type: "MAIL", reversePath: path("a", "my_host"), parameters: {} },
  { type: "EHLO", domain: "two words" },
  { type: "NOOP", string: "x".repeat(506) },
  { type: "XUNKNOWN" },
];

test("no argument holds a second command, nor what was not agreed on; nothing of it leaves", () => {
  for (const command of HOSTILE) {
    const drive = introduced();
    assert.throws(() => drive.client.send(command), (error: unknown) => error instanceof RangeError, JSON.stringify(command));
    drive.run();
    assert.is(drive.takeOutput(), "");
    assert.is(drive.client.owed, 0);
    drive.say("MAIL FROM:<a@b> SIZE=1000");
    assert.is(drive.takeOutput(), "MAIL FROM:<a@b> SIZE=1000\r\n");
  }
});

test("a line as long as it may be", () => {
  const drive = introduced();
  drive.client.send({ type: "NOOP", string: "x".repeat(505) });
  drive.run();
  assert.is(drive.takeOutput().length, LIMITS.commandLineOctets);
});

test("credentials are marked, so that they stay out of logs", () => {
  const { client } = introduced();
  client.send({ type: "AUTH", mechanism: "PLAIN", initial: "AGEAYg==" });
  const step = client.next();
  assert.is(step.type === "output" && step.secret, true);
  const other = introduced().client;
  other.send({ type: "NOOP", string: "" });
  const plain = other.next();
  assert.is(plain.type === "output" && plain.secret, undefined);
});

test("octets that come with the answer to STARTTLS end the session (RFC 3207 §5)", () => {
  for (const injected of ["250 injected\r\n", "2", "\x16\x03"]) {
    const drive = introduced();
    drive.say("STARTTLS");
    drive.feed(octets(`220 Go ahead\r\n${injected}`));
    assert.is(drive.log.at(-1), "lost: octets behind STARTTLS");
  }
});

test("a long reply without a line end takes no more room than is allowed", () => {
  const drive = new ClientDrive(new Client());
  for (let count = 0; count < 1000 && drive.client.state !== "closed"; count++) drive.feed(octets("220 ".padEnd(1024, "x")));
  assert.is(drive.log.at(-1), "lost: reply too long");
});

test("a million lines end the session long before they are there", () => {
  const drive = new ClientDrive(new Client());
  let lines = 0;
  while (drive.client.state !== "closed" && lines < 1_000_000) {
    drive.feed(octets("220-x\r\n"));
    lines += 1;
  }
  assert.is(drive.log.at(-1), "lost: reply too long");
  assert.ok(lines < LIMITS.replyOctets);
});

test("what is waited for, and for how long (RFC 5321 §4.5.3.2)", () => {
  const drive = new ClientDrive(new Client());
  const waits = (): string => `${drive.client.wait.for} ${drive.client.wait.ms / 1000}`;
  assert.is(waits(), "reply 300");
  drive.feed(octets("220 foo.com\r\n"));
  assert.is(waits(), "nothing Infinity");
  drive.say("EHLO bar.com");
  assert.is(waits(), "reply 300");
  drive.feed(octets("250 foo.com\r\n"));
  for (const [line, ms, answer] of [["RSET", 20, 250], ["MAIL FROM:<a@b>", 300, 250], ["RCPT TO:<c@d>", 300, 250], ["DATA", 120, 354]] as const) {
    drive.say(line);
    assert.is(waits(), `reply ${ms}`, line);
    drive.feed(octets(`${answer} x\r\n`));
  }
  assert.is(waits(), "data 180");
  drive.say("body text");
  assert.is(waits(), "data 180");
  drive.say("end of data");
  assert.is(waits(), "reply 600");
  drive.feed(octets("250 x\r\n"));
  drive.say("QUIT");
  assert.is(waits(), "reply 2");
  drive.feed(octets("221 x\r\n"));
  assert.is(waits(), "nothing Infinity");
});

test("a wait begins anew with each reply, not with its octets, nor with what is said behind it", () => {
  const drive = introduced();
  drive.say("MAIL FROM:<a@b>");
  const { wait } = drive.client;
  drive.say("RCPT TO:<c@d>");
  drive.feed(octets("250-x\r\n250"));
  assert.is(drive.client.wait, wait);
  drive.feed(octets(" x\r\n"));
  assert.is.not(drive.client.wait, wait);
});

test("LMTP: behind the first final reply the others are not waited for as long", () => {
  const drive = new ClientDrive(new Client({ lmtp: true }));
  drive.feed(octets("220 foo.com\r\n"));
  drive.say("LHLO bar.com");
  drive.feed(octets("250 foo.com\r\n"));
  for (const line of ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@d>", "DATA"]) {
    drive.say(line);
    drive.feed(octets(line === "DATA" ? "354 x\r\n" : "250 x\r\n"));
  }
  drive.say("end of data");
  assert.is(drive.client.wait.ms, LIMITS.messageReplyMs);
  drive.feed(octets("250 x\r\n"));
  assert.is(drive.client.wait.ms, LIMITS.deliveryReplyMs);
  drive.feed(octets("250 x\r\n"));
  drive.say("MAIL FROM:<a@b>");
  assert.is(drive.client.wait.ms, LIMITS.replyMs);
});

test("a piece of the message is sent before the next is taken, and nothing behind its end", () => {
  const { client } = upToData();
  assert.equal(client.recipients.map(({ forwardPath }) => forwardPath.localPart), ["c"]);
  client.body(octets("x"));
  assert.throws(() => client.body(octets("y")), /next\(\)/);
  assert.throws(() => client.endBody(), /next\(\)/);
  client.next();
  client.body(new Uint8Array(0));
  assert.is(client.next().type, "need-input");
  client.endBody();
  client.next();
  assert.throws(() => client.endBody(), /no mail data/);
  assert.throws(() => client.body(octets("y")), /no mail data/);
});

test("after the session's end nothing is said, and nothing throws", () => {
  const drive = upToData();
  drive.client.ended();
  drive.client.send(commandOf("RSET"));
  drive.client.body(octets("x"));
  drive.client.endBody();
  drive.client.receive(octets("250 x\r\n"));
  drive.client.timedOut();
  assert.equal(drive.client.next(), { type: "close", loss: { why: "closed" } });
});

test("a session that is lost in the middle of a message never sends its end", () => {
  const drive = upToData();
  drive.client.body(octets("x\r\n"));
  drive.client.ended();
  drive.client.endBody();
  drive.run();
  assert.is(drive.takeOutput(), "");
});

test("REQUIRETLS is written under TLS: behind STARTTLS, or from the first octet on (RFC 8689 §2)", () => {
  const mail = commandOf("MAIL FROM:<a@b> REQUIRETLS");
  const extensions = [...CLIENT_EXTENSIONS, REQUIRE_TLS];
  const told = (client: Client, ...before: readonly string[]): string[] => {
    const drive = new ClientDrive(client);
    drive.feed(octets("220 foo.com\r\n"));
    for (const each of before) each.startsWith("2") ? drive.feed(octets(`${each}\r\n`)) : drive.say(each);
    drive.say("EHLO bar.com");
    drive.feed(octets("250-foo.com\r\n250-STARTTLS\r\n250 REQUIRETLS\r\n"));
    drive.takeOutput();
    try {
      client.send(mail);
    } catch (error) {
      return [(error as Error).name];
    }
    drive.run();
    return [drive.takeOutput()];
  };
  assert.equal(told(new Client({ extensions })), ["RangeError"]);
  assert.equal(told(new Client({ extensions }, { secure: true })), ["MAIL FROM:<a@b> REQUIRETLS\r\n"]);
  assert.equal(told(new Client({ extensions }), "EHLO bar.com", "250-foo.com\r\n250 STARTTLS", "STARTTLS", "220 Go ahead", "secured"), ["MAIL FROM:<a@b> REQUIRETLS\r\n"]);
  const client = new Client({ extensions }, { secure: true });
  assert.is(client.secure, true);
});

test("secured() without a handshake is the caller's mistake", () => {
  const { client } = introduced();
  assert.throws(() => client.secured(), /no handshake/);
  assert.is(client.offers?.get("SIZE"), "1000");
  client.ended();
  client.secured();
});

test("octets that nobody asked for are the caller's mistake", () => {
  const client = new Client();
  client.receive(octets("220 x\r\n"));
  assert.throws(() => client.receive(octets("250 x\r\n")), /before next\(\)/);
});

test("whatever the server says, nothing throws, and the session goes on or ends with a reason", () => {
  const chance = random(7);
  const words = ["220 ", "250 ", "250-", "354 ", "421 ", "550 5.1.1 ", "\r\n", "\n", "\r", "x", "PIPELINING", "AUTH PLAIN", "2", "\0", "é", "334 "];
  const lines = ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "RSET", "QUIT", "end of data", "AUTH PLAIN", "response eA==", "STARTTLS", "secured", "body x"];
  for (let session = 0; session < 3000; session++) {
    const drive = new ClientDrive(new Client());
    for (let turn = 0; turn < 20; turn++) {
      drive.say(lines[chance(lines.length)]!);
      const said = Array.from({ length: chance(6) }, () => words[chance(words.length)]).join("");
      if (drive.client.state !== "closed" && drive.log.at(-1) !== "handshake") drive.feed(octets(said));
    }
  }
});

test("the constructor's own settings make use of what clients know", () => {
  const { client } = introduced();
  assert.is(client.offers?.get("SIZE"), "1000");
  assert.is(new Client({ extensions: [] }).offers, undefined);
});

test("a verb that only the sending end has is sent as it is written", () => {
  const drive = new ClientDrive(new Client({ extensions: [{ keyword: "XA", verbs: { XA: { format: () => "XA now", ok: () => reply(250, "", "") } } }] }));
  drive.feed(octets("220 x\r\n"));
  drive.say("EHLO y");
  drive.feed(octets("250-x\r\n250 XA\r\n"));
  drive.takeOutput();
  drive.client.send({ type: "XA" });
  drive.run();
  assert.is(drive.takeOutput(), "XA now\r\n");
});

test.run();
