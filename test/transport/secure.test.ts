// TLS at the receiving end, over real sockets: STARTTLS, TLS from the first octet on, certificates.

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SMTPServer, type Address, type Certificate, type Secured, type Session, type SMTPServerOptions } from "../../dist/index.js";
import { makeCertificate, type Made } from "../certificate.js";
import { scramClient } from "../../dist/transport/sasl/scram.js";
import { authentication, channelBinding, scramSecret, Upstream } from "../../dist/transport/index.js";
import { Client, eventually, PATIENCE_MS } from "../client.js";
import { have, testIf } from "../interop/tools.js";

const test = suite("TLS");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const cleanUp: (() => unknown)[] = [];
const WHY = have("openssl", "version") ? undefined : "there is no openssl";

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});
test.after(() => rmSync(folder, { recursive: true }));

const made = new Map<string, Pick<Made, "cert" | "key">>();
function pem(name: string): Pick<Made, "cert" | "key"> {
  const found = made.get(name) ?? makeCertificate(folder, name);
  made.set(name, found);
  return found;
}

class Seeing extends SMTPServer {
  readonly seen: Secured[] = [];
  readonly messages: string[] = [];

  override session(peer: Parameters<SMTPServer["session"]>[0]): Session {
    return { ...super.session(peer), secured: (tls) => void this.seen.push(tls) };
  }

  override processMessage(...[, , , data]: Parameters<SMTPServer["processMessage"]>): void {
    this.messages.push(Buffer.from(data as Uint8Array).toString());
  }
}

async function served(options: SMTPServerOptions = {}): Promise<{ server: Seeing; address: Address; log: string[] }> {
  const log: string[] = [];
  const server = new Seeing(["127.0.0.1", 0], undefined, { hostname: "mx.example", certificate: pem("mx.example"), log: (line) => log.push(line), graceMs: 100, ...options });
  cleanUp.unshift(() => server.close());
  return { server, address: (await server.listening)[0]!, log };
}

/** The dialogue goes on under TLS. */
async function secured(client: Client, options: ConnectionOptions = {}): Promise<Talk> {
  return Talk.over(connectTls({ socket: client.socket, servername: "mx.example", ca: pem("mx.example").cert, ...options }));
}

class Talk {
  readonly socket: TLSSocket;
  received = "";

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (octets: Buffer) => (this.received += octets.toString()));
    cleanUp.unshift(() => socket.destroy());
  }

  static async over(socket: TLSSocket): Promise<Talk> {
    const talk = new Talk(socket);
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(PATIENCE_MS) });
    return talk;
  }

  async say(text: string): Promise<string> {
    this.received = "";
    this.socket.write(`${text}\r\n`);
    return this.until(/^\d{3} .*\r\n/m);
  }

  async until(pattern: RegExp): Promise<string> {
    await eventually(() => pattern.test(this.received), `${pattern}: ${this.received}`);
    return this.received;
  }
}

testIf(WHY, test, "STARTTLS: the session starts over, and a message comes through", async () => {
  const { server, address } = await served();
  const client = await Client.connect(address);
  assert.match(await client.say("EHLO client.example"), /250-?.*STARTTLS/s);
  assert.match(await client.say("STARTTLS"), /^220/);
  const talk = await secured(client);
  assert.match(await talk.say("MAIL FROM:<a@b>"), /^503/);
  assert.not.match(await talk.say("EHLO client.example"), /STARTTLS/);
  for (const line of ["MAIL FROM:<a@b>", "RCPT TO:<c@d>"]) assert.match(await talk.say(line), /^250/);
  assert.match(await talk.say("DATA"), /^354/);
  assert.match(await talk.say("Subject: secret\r\n."), /^250/);
  assert.equal(server.messages, ["Subject: secret\r\n"]);
  assert.match(server.seen[0]!.protocol, /^TLSv1\.[23]$/);
  assert.is(server.seen[0]!.fingerprint, undefined);
  assert.match(await talk.say("QUIT"), /^221/);
});

testIf(WHY, test, "XCLIENT leaves TLS as it is, and the new session is told of it", async () => {
  const { server, address } = await served({ xclient: ["127.0.0.1"], requireTls: true });
  const client = await Client.connect(address);
  await client.say("EHLO forwarder.example");
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1"), /^530/);
  assert.match(await client.say("STARTTLS"), /^220/);
  const talk = await secured(client);
  assert.match(await talk.say("XCLIENT ADDR=192.0.2.1"), /^220 mx\.example ESMTP ready/);
  assert.not.match(await talk.say("EHLO client.example"), /STARTTLS/);
  assert.match(await talk.say("MAIL FROM:<a@b>"), /^250/);
  assert.is(server.seen.length, 2);
  assert.equal(server.seen[1], server.seen[0]);
});

testIf(WHY, test, "XCLIENT with TLS from the first octet on", async () => {
  const { server, address } = await served({ xclient: ["127.0.0.1"], implicitTls: true });
  const talk = await Talk.over(connectTls({ host: "127.0.0.1", port: address[1] as number, servername: "mx.example", ca: pem("mx.example").cert }));
  await talk.until(/^220 /m);
  assert.match(await talk.say("XCLIENT ADDR=192.0.2.1"), /^220/);
  assert.is(server.seen.length, 2);
});

class Slow extends Seeing {
  override session(peer: Parameters<SMTPServer["session"]>[0]): Session {
    return { ...super.session(peer), STARTTLS: async () => void (await new Promise((resolve) => setTimeout(resolve, 20))) };
  }
}

testIf(WHY, test, "an application that takes its time before the handshake", async () => {
  const server = new Slow(["127.0.0.1", 0], undefined, { certificate: pem("mx.example"), graceMs: 0 });
  cleanUp.unshift(() => server.close());
  const client = await Client.connect((await server.listening)[0]!);
  await client.say("EHLO client.example");
  assert.match(await client.say("STARTTLS"), /^220/);
  const talk = await secured(client);
  assert.match(await talk.say("EHLO client.example"), /^250/);
});

testIf(WHY, test, "what comes behind STARTTLS in the clear is never a command", async () => {
  const { server, address, log } = await served();
  const client = await Client.connect(address);
  await client.say("EHLO client.example");
  client.send("STARTTLS\r\nMAIL FROM:<injected@b>\r\nRCPT TO:<c@d>\r\n");
  await client.until(/220 .*\r\n/);
  const talk = await secured(client);
  assert.match(await talk.say("NOOP"), /^250 .*OK\r\n$/);
  assert.match(await talk.say("RCPT TO:<c@d>"), /^503/);
  assert.match(log.join("\n"), /STARTTLS from 127\.0\.0\.1 failed: Error: 39 octets that came before the handshake were dropped/);
  assert.equal(server.messages, []);
});

testIf(WHY, test, "TLS from the first octet on", async () => {
  const { server, address } = await served({ implicitTls: true });
  const [host, port] = address as readonly [string, number];
  const talk = await Talk.over(connectTls({ host, port, servername: "mx.example", ca: pem("mx.example").cert }));
  await talk.until(/^220 mx\.example/);
  assert.not.match(await talk.say("EHLO client.example"), /STARTTLS/);
  assert.match(await talk.say("STARTTLS"), /^500/);
  assert.is(server.seen.length, 1);
});

testIf(WHY, test, "no TLS where TLS is spoken: closed, and told of", async () => {
  const { address, log } = await served({ implicitTls: true });
  const client = await Client.connectOnly(address);
  client.send("EHLO client.example\r\n");
  await client.closed();
  await eventually(() => log.length > 0, "it is told");
  assert.match(log[0]!, /^smtpd: TLS from 127\.0\.0\.1 failed: Error: ERR_SSL_/);
});

testIf(WHY, test, "a handshake that nobody ends", async () => {
  for (const implicitTls of [true, false]) {
    const { address } = await served({ implicitTls, limits: { handshakeMs: 100 } });
    const client = await Client.connectOnly(address);
    if (!implicitTls) client.send("EHLO x\r\nSTARTTLS\r\n");
    await eventually(() => client.socket.destroyed || client.socket.readableEnded, "it is closed");
    client.end();
  }
});

testIf(WHY, test, "a handshake that its client gives up", async () => {
  for (const implicitTls of [true, false]) {
    const { address } = await served({ implicitTls });
    const client = await Client.connectOnly(address, { allowHalfOpen: true });
    if (!implicitTls) await client.until(/220 .*\r\n/).then(() => client.say("EHLO x")).then(() => client.say("STARTTLS"));
    client.socket.end();
    await eventually(() => client.socket.readableEnded || client.socket.destroyed, "the server closes, too");
    client.end();
  }
});

testIf(WHY, test, "a handshake under way does not keep a server from closing", async () => {
  const { server, address } = await served({ implicitTls: true });
  await Client.connectOnly(address);
  let closed = false;
  void server.close().then(() => (closed = true));
  await eventually(() => closed, "it is closed");
});

testIf(WHY, test, "TLS that is required, and a second certificate while it runs", async () => {
  const { server, address } = await served({ requireTls: true });
  const client = await Client.connect(address);
  await client.say("EHLO client.example");
  assert.is(await client.say("MAIL FROM:<a@b>"), "530 5.7.0 Must issue a STARTTLS command first\r\n");
  await client.say("STARTTLS");
  await secured(client);
  await server.show(pem("other.example"));
  assert.match(await server.show({ cert: "none", key: "none" }).then(() => "shown", String), /Error/);
  const again = await Client.connect(address);
  await again.say("EHLO client.example");
  await again.say("STARTTLS");
  const talk = await secured(again, { servername: "other.example", ca: pem("other.example").cert });
  await talk.say("EHLO client.example");
  assert.match(await talk.say("MAIL FROM:<a@b>"), /^250/);
});

testIf(WHY, test, "a client's certificate is there for hooks", async () => {
  const certificates: Certificate = { ...pem("mx.example"), askClients: true };
  const { server, address } = await served({ certificate: certificates });
  for (const own of [pem("client.example"), pem("other.example"), {}]) {
    const client = await Client.connect(address);
    await client.say("EHLO client.example");
    await client.say("STARTTLS");
    const talk = await secured(client, own);
    await talk.say("NOOP");
  }
  const expected = ["client.example", "other.example"].map((name) => new X509Certificate(pem(name).cert).fingerprint256);
  assert.equal(server.seen.map(({ fingerprint }) => fingerprint), [...expected, undefined]);
});

const TIM = { user: "tim", password: "tanstaaftanstaaf" };

async function servedWithLogin(name: string, options: SMTPServerOptions = {}): Promise<Awaited<ReturnType<typeof served>> & { readonly heard: string[] }> {
  const heard: string[] = [];
  const secret = await scramSecret(TIM.password);
  const mechanisms = authentication({ scram: (user) => (user === TIM.user ? secret : undefined) }, { slowMs: 1 });
  const trace = (_: unknown, from: string, octets: Uint8Array): void => void (from === "client" && heard.push(Buffer.from(octets).toString()));
  return { ...(await served({ certificate: pem(name), authentication: mechanisms, trace, ...options })), heard };
}

for (const implicitTls of [false, true]) {
  testIf(WHY, test, `SCRAM-SHA-256-PLUS between our own two ends, ${implicitTls ? "TLS from the first octet on" : "behind STARTTLS"}`, async () => {
    const { address, heard, log } = await servedWithLogin("localhost", { implicitTls });
    const to = new Upstream(["localhost", address[1] as number], { auth: TIM, implicitTls, starttls: implicitTls ? "never" : "required", tls: { ca: pem("localhost").cert }, keep: 0 });
    cleanUp.unshift(() => to.close());
    const transaction = await to.begin({ type: "MAIL", reversePath: null, parameters: {} });
    transaction.abort();
    assert.is(transaction.reply.code, 250, log.join());
    assert.equal(heard.filter((line) => line.startsWith("AUTH")).map((line) => line.split(" ")[1]), ["SCRAM-SHA-256-PLUS"]);
  });
}

/** EHLO, and then AUTH by SCRAM with this flag and these octets bound. The offer, and the last reply. */
async function loggedIn(address: Address, flag: string, bound: (socket: TLSSocket) => Uint8Array | undefined, options: ConnectionOptions = {}): Promise<[offered: string | undefined, reply: string]> {
  const client = await Client.connect(address);
  await client.say("EHLO client.example");
  assert.match(await client.say("AUTH SCRAM-SHA-256-PLUS"), /^538/);
  await client.say("STARTTLS");
  const talk = await secured(client, options);
  const offered = /AUTH (.*)\r\n/.exec(await talk.say("EHLO client.example"))?.[1];
  const part = scramClient({ user: TIM.user, secret: TIM.password }, flag, bound(talk.socket) ?? new Uint8Array(0), "ournonce");
  let reply = await talk.say(`AUTH SCRAM-SHA-256${flag.startsWith("p=") ? "-PLUS" : ""}`);
  while (reply.startsWith("334")) {
    const said = (await part.next(reply === "334 \r\n" ? undefined : Buffer.from(reply.slice(4), "base64"))).value as Uint8Array;
    reply = await talk.say(Buffer.from(said).toString("base64"));
  }
  return [offered, reply.slice(0, 9)];
}

const binding = (socket: TLSSocket): Uint8Array | undefined => channelBinding(socket)?.octets;
const WITH_PLUS = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN";
const BINDINGS: readonly (readonly [what: string, flag: string, bound: typeof binding, options: ConnectionOptions, offered: string, reply: string])[] = [
  ["bound to the channel", "p=tls-exporter", binding, {}, WITH_PLUS, "235 2.7.0"],
  ["bound to another", "p=tls-exporter", () => new Uint8Array(32), {}, WITH_PLUS, "535 5.7.8"],
  ["bound by another name", "p=tls-unique", binding, {}, WITH_PLUS, "535 5.7.8"],
  ["not bound, since it could not", "n", () => undefined, {}, WITH_PLUS, "235 2.7.0"],
  ["not bound, since it was not shown what is offered (RFC 5802 §6)", "y", () => undefined, {}, WITH_PLUS, "535 5.7.8"],
  ["not bound, with TLS 1.2: nothing is offered that binds", "y", () => undefined, { maxVersion: "TLSv1.2" }, "SCRAM-SHA-256 PLAIN LOGIN", "235 2.7.0"],
  ["bound, with TLS 1.2", "p=tls-exporter", () => new Uint8Array(32), { maxVersion: "TLSv1.2" }, "SCRAM-SHA-256 PLAIN LOGIN", "504 5.5.4"],
];

for (const [what, flag, bound, options, offered, reply] of BINDINGS) {
  testIf(WHY, test, `a login ${what}`, async () => {
    const { address } = await servedWithLogin("mx.example");
    assert.equal(await loggedIn(address, flag, bound, options), [offered, reply]);
  });
}

test("TLS needs a certificate, LMTP another port", () => {
  assert.throws(() => new SMTPServer(["127.0.0.1", 0], undefined, { requireTls: true }), /TLS needs a certificate/);
  assert.throws(() => new SMTPServer(["127.0.0.1", 0], undefined, { implicitTls: true }), /TLS needs a certificate/);
  assert.throws(() => new SMTPServer(["127.0.0.1", 25], undefined, { lmtp: true }), /LMTP is not spoken on port 25/);
});

test("a certificate that is none: it does not listen", async () => {
  const server = new SMTPServer(["127.0.0.1", 0], undefined, { certificate: { cert: "none", key: "none" } });
  assert.match(await server.listening.then(() => "listens", String), /Error/);
});

test.run();
