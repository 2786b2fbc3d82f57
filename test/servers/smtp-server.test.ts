// The base class: what Python's users override, and what they get.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NotImplementedError, reply, SMTPServer, type Address, type Answer, type MessageOptions, type Peer, type Session, type SMTPServerOptions } from "../../dist/index.js";
import { EXPN } from "../../dist/protocol/index.js";
import { Client } from "../client.js";

const test = suite("SMTPServer");
const servers: SMTPServer[] = [];
const ANY: Address = ["127.0.0.1", 0];

interface Call { readonly peer: Peer; readonly mailfrom: string; readonly rcpttos: string[]; readonly data: Uint8Array | string; readonly options: MessageOptions }

class Recorder extends SMTPServer {
  readonly calls: Call[] = [];
  readonly answers: Answer[] = [];

  override async processMessage(peer: Peer, mailfrom: string, rcpttos: string[], data: Uint8Array | string, options: MessageOptions): Promise<Answer> {
    this.calls.push({ peer, mailfrom, rcpttos, data, options });
    return this.answers.shift();
  }
}

async function start<S extends SMTPServer>(Class: new (local: Address, remote: Address | undefined, options: SMTPServerOptions) => S, options: SMTPServerOptions = {}): Promise<{ server: S; lines: string[]; connect: () => Promise<Client> }> {
  const lines: string[] = [];
  const server = new Class(ANY, ["mx.example", 25], { log: (line) => lines.push(line), ...options });
  servers.push(server);
  const [address] = await server.listening;
  return { server, lines, connect: () => Client.connect(address!) };
}

test.after.each(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

test("it listens on construction and keeps what it was given", async () => {
  const { server } = await start(SMTPServer);
  assert.equal(server._localaddr, ANY);
  assert.equal(server._remoteaddr, ["mx.example", 25]);
});

test("the base takes no message: 451 for the client, a clear line for the operator", async () => {
  const { connect, lines } = await start(SMTPServer);
  assert.match(await (await connect()).deliver("x"), /^451 4.3.0 Local error in processing\r\n$/);
  assert.equal(lines, ["smtpd: message from 127.0.0.1 failed and was answered 451: NotImplementedError: processMessage is not overridden"]);
  assert.is(new NotImplementedError("x").name, "NotImplementedError");
});

test("processMessage: the envelope, the octets as they came, the options", async () => {
  const { server, connect } = await start(Recorder);
  const client = await connect();
  await client.say("EHLO me.example");
  await client.say("MAIL FROM:<@r.example:a@example.com> size=10 BODY=8bitmime", "RCPT TO:<b@example.org>", "RCPT TO:<Postmaster>", "DATA");
  await client.until(/354 .*\r\n/);
  client.send(Buffer.from("Subject: caf\xe9\r\n\r\n..dot\r\n\r\n.\r\n", "latin1"));
  await client.until(/250 2.0.0/);
  const { peer, mailfrom, rcpttos, data, options } = server.calls[0]!;
  assert.is(peer.address, "127.0.0.1");
  assert.is(mailfrom, "a@example.com");
  assert.equal(rcpttos, ["b@example.org", "Postmaster"]);
  assert.is(Buffer.from(data as Uint8Array).toString("latin1"), "Subject: caf\xe9\r\n\r\n.dot\r\n\r\n");
  assert.equal(options, { mailOptions: ["SIZE=10", "BODY=8BITMIME"], rcptOptions: [[], []], client: "me.example", size: 25, irregularities: [] });
});

test("the null sender is <>", async () => {
  const { server, connect } = await start(Recorder);
  const client = await connect();
  await client.say("HELO x");
  await client.say("MAIL FROM:<>", "RCPT TO:<b@example.org>", "DATA");
  await client.until(/354 .*\r\n/);
  await client.say(".");
  assert.is(server.calls[0]!.mailfrom, "<>");
  assert.is(server.calls[0]!.data.length, 0);
});

test("decodeData: text, lines joined by LF, the last line ending gone", async () => {
  const { server, connect } = await start(Recorder, { decodeData: true });
  await (await connect()).deliver("Subject: grüße\r\n\r\none\r\n..two\r\n");
  assert.is(server.calls[0]!.data, "Subject: grüße\n\none\n.two\n");
});

test("what it returns is the reply: nothing, a text, a reply, a text that is none", async () => {
  const { server, connect, lines } = await start(Recorder);
  server.answers.push(undefined, "554 5.6.0 Not this one", reply(250, "2.6.0", "Taken"), "thanks");
  const client = await connect();
  assert.match(await client.deliver("1"), /^250 2.0.0 Message accepted/);
  assert.match(await client.deliver("2"), /^554 5.6.0 Not this one/);
  assert.match(await client.deliver("3"), /^250 2.6.0 Taken/);
  assert.match(await client.deliver("4"), /^451 4.3.0/);
  assert.match(lines[0]!, /a reply begins with three digits/);
});

test("a synchronous override will do", async () => {
  class Plain extends SMTPServer {
    override processMessage(): string {
      return "250 2.0.0 At once";
    }
  }
  const { connect } = await start(Plain);
  assert.match(await (await connect()).deliver("x"), /^250 2.0.0 At once/);
});

test("a say at RCPT, and the rest as usual", async () => {
  class Picky extends Recorder {
    override session(peer: Peer): Session {
      return { ...super.session(peer), RCPT: ({ forwardPath }) => (forwardPath.domain === "example.org" ? undefined : "550 5.7.1 Not here") };
    }
  }
  const { server, connect } = await start(Picky);
  const client = await connect();
  assert.match(await client.deliver("x", "b@example.org", "c@elsewhere.example"), /250/);
  assert.match(client.received, /550 5.7.1 Not here\r\n354 /);
  assert.equal(server.calls[0]!.rcpttos, ["b@example.org"]);
});

test("a message given up leaves nothing for the next", async () => {
  const { server, connect } = await start(Recorder, { dataSizeLimit: 10 });
  const client = await connect();
  assert.match(await client.deliver("too much of it"), /^552 5.3.4/);
  assert.match(await client.deliver("little"), /^250/);
  assert.is(Buffer.from(server.calls[0]!.data as Uint8Array).toString(), "little\r\n");
});

test("its author is told what was wrong with a message", async () => {
  const { connect, lines } = await start(Recorder, { dataSizeLimit: 10 });
  const client = await connect();
  await client.deliver("too much of it");
  await client.deliver("a\nb");
  await client.upToData();
  await client.say("x", ".", "MAIL FROM:<a@b.example>", "RSET");
  assert.equal(lines, [
    "smtpd: message from 127.0.0.1 refused: it is larger than the size limit (RFC 1870 §6)",
    'smtpd: message from 127.0.0.1 refused: its lines do not all end in CRLF (RFC 5321 §2.3.8); line endings "normalise" would mend them',
  ]);
});

test("options: the size limit, SMTPUTF8, the name, line endings, limits", async () => {
  const offers = async (options: SMTPServerOptions): Promise<string> => {
    const { connect } = await start(Recorder, options);
    const client = await connect();
    await client.say("EHLO x");
    return client.received;
  };
  const plain = await offers({});
  assert.match(plain, /SIZE 33554432/);
  assert.not.match(plain, /SMTPUTF8/);
  assert.match(await offers({ dataSizeLimit: 0 }), /SIZE 0\r/);
  assert.match(await offers({ enableSMTPUTF8: true }), /SMTPUTF8/);
  assert.match(await offers({ extensions: [EXPN] }), /250 EXPN\r/);
  assert.match(await offers({ hostname: "mx.example" }), /^220 mx.example /);
  assert.match(await offers({ limits: { messageOctets: 7 } }), /SIZE 7\r/);
  const { server, connect } = await start(Recorder, { lineEndings: "normalise" });
  await (await connect()).deliver("a\nb");
  assert.is(Buffer.from(server.calls[0]!.data as Uint8Array).toString(), "a\r\nb\r\n");
});

test("octet by octet, a large message takes no more than twice its room", async () => {
  const { server } = await start(Recorder);
  const session = server.session({ address: "x", port: 0, localAddress: "x", localPort: 0 });
  const before = process.memoryUsage();
  for (let octets = 0; octets < 2_000_000; octets++) session.body!(Uint8Array.of(0x61));
  globalThis.gc?.();
  assert.ok(process.memoryUsage().arrayBuffers - before.arrayBuffers < 40e6);
});

test("without a log of its own it writes to standard error", async () => {
  const real = console.error;
  const lines: string[] = [];
  console.error = (line: string) => void lines.push(line);
  try {
    const server = new SMTPServer(ANY);
    servers.push(server);
    const client = await Client.connect((await server.listening)[0]!);
    await client.deliver("x");
  } finally {
    console.error = real;
  }
  assert.match(lines.join(), /^smtpd: message from 127.0.0.1 failed/);
});

test("a failure that is no Error, and one that would paint the terminal", async () => {
  const failures: unknown[] = ["just text", new Error("\x1b[31mred\x07"), Object.create(null)];
  class Failing extends SMTPServer {
    override processMessage(): never {
      throw failures.shift();
    }
  }
  const { connect, lines } = await start(Failing);
  const client = await connect();
  await client.deliver("x");
  await client.deliver("x");
  assert.match(await client.deliver("x"), /^451/);
  assert.match(lines[0]!, /answered 451: just text$/);
  assert.match(lines[2]!, /answered 451: an unknown error$/);
  assert.match(lines[1]!, /Error: \\x1b\[31mred\\x07$/);
});

test("there is a limit for all messages that are being collected", async () => {
  const { server, connect } = await start(Recorder, { memoryLimit: 1000 });
  const [first, second] = [await connect(), await connect()];
  await first.upToData();
  first.send(`${"x".repeat(700)}\r\n`);
  await second.upToData();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(await second.say("y".repeat(700), "."), /^452 4.3.1 Insufficient system storage/);
  assert.match(await first.say("."), /^250/);
  assert.match(await second.deliver("y".repeat(700)), /^250/);
  await first.upToData();
  first.send(`${"x".repeat(700)}\r\n`);
  first.end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(await second.deliver("z".repeat(700)), /^250/);
  assert.is(server.calls.length, 3);
});

test("disposal closes it", async () => {
  let address: Address;
  {
    await using server = new SMTPServer(ANY);
    [address] = (await server.listening) as [Address];
    (await Client.connect(address)).end();
  }
  await Client.connectOnly(address).then(() => assert.unreachable(), () => {});
});

test.run();
