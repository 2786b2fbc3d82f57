// The PROXY protocol over real sockets: proxies that tell us of their clients, and next hops that we tell of ours.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectNet, createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Address, type NextHop, type Peer, type PureProxyOptions, type Session, type SMTPServerOptions } from "../../dist/index.js";
import type { Mail } from "../../dist/protocol/index.js";
import { formatProxyHeader, Networks, ProxyReader, Upstream, type ProxyAddresses } from "../../dist/transport/index.js";
import { makeCertificate } from "../certificate.js";
import { Client, eventually, freePort, PATIENCE_MS } from "../client.js";
import { commandOf } from "../client-transcript.js";
import { have, testIf } from "../interop/tools.js";
import { Scripted, type Script } from "../scripted.js";
import { splits } from "../splits.js";

const test = suite("announced");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const cleanUp: (() => unknown)[] = [];
const noOpenssl = have("openssl", "version") ? undefined : "there is no openssl";
const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((each) => each?.address === "::1");
const LOOPBACK = ["127.0.0.0/8", "::1"];

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});
test.after(() => rmSync(folder, { recursive: true }));

const ours = noOpenssl === undefined ? makeCertificate(folder, "mx.example", ["DNS:mx.example", "DNS:localhost"]) : { cert: "", key: "" };

// --- proxies in front of us ---

class Seeing extends SMTPServer {
  readonly peers: Peer[] = [];
  readonly messages: string[] = [];
  /** What the operator has heard. */
  readonly heard: string[];

  constructor(options: SMTPServerOptions, address: Address) {
    const heard: string[] = [];
    super(address, undefined, { hostname: "mx.example", proxyProtocol: LOOPBACK, log: (line) => heard.push(line), graceMs: 100, ...options });
    this.heard = heard;
  }

  override session(peer: Peer): Session {
    this.peers.push(peer);
    return super.session(peer);
  }

  override processMessage(peer: Peer, ...[, , data]: [string, string[], Uint8Array | string]): void {
    this.messages.push(`${peer.address} ${Buffer.from(data as Uint8Array).toString()}`);
  }
}

async function served(options: SMTPServerOptions = {}, at: Address = ["127.0.0.1", 0]): Promise<{ server: Seeing; address: Address }> {
  const server = new Seeing(options, at);
  cleanUp.unshift(() => server.close());
  return { server, address: (await server.listening)[0]! };
}

async function proxied(address: Address, header: string | Uint8Array): Promise<Client> {
  const client = (await Client.connectOnly(address)).send(header);
  cleanUp.unshift(() => client.end());
  await client.until(/\r\n/);
  return client;
}

const TOLD: ProxyAddresses = { source: ["192.0.2.7", 4711], destination: ["203.0.113.9", 25] };
const PEER: Peer = { address: "192.0.2.7", port: 4711, localAddress: "203.0.113.9", localPort: 25, proxied: "client" };
const V1 = "PROXY TCP4 192.0.2.7 203.0.113.9 4711 25\r\n";
const UNKNOWN = "PROXY UNKNOWN\r\n";

for (const version of [1, 2] as const) {
  test(`version ${version}: the client is who the proxy says, and a message comes through`, async () => {
    const { server, address } = await served();
    const client = await proxied(address, formatProxyHeader(version, TOLD));
    assert.is(client.received, "220 mx.example ESMTP ready\r\n");
    assert.match(await client.deliver("Subject: hello"), /^250/);
    assert.equal(server.peers, [PEER]);
    assert.equal(server.messages, ["192.0.2.7 Subject: hello\r\n"]);
    assert.match(await client.say("QUIT"), /^221/);
    assert.equal(server.heard, []);
  });

  test(`version ${version}: IPv6`, async () => {
    const { server, address } = await served();
    await proxied(address, formatProxyHeader(version, { source: ["2001:db8::7", 4711], destination: ["2001:db8::9", 25] }));
    assert.equal(server.peers, [{ ...PEER, address: "2001:db8::7", localAddress: "2001:db8::9" }]);
  });

  test(`version ${version}: in whatever segments, with the first command behind it`, async () => {
    const { server, address } = await served();
    for (const segments of splits(Buffer.concat([formatProxyHeader(version, TOLD), Buffer.from("NOOP\r\n")]))) {
      const client = await Client.connectOnly(address, { noDelay: true });
      for (const segment of segments) {
        client.send(segment);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.is(await client.until(/\r\n250 .*\r\n/), "220 mx.example ESMTP ready\r\n250 2.0.0 OK\r\n");
      assert.equal(server.peers.pop(), PEER);
      client.end();
    }
    assert.equal(server.heard, []);
  });

  test(`version ${version}: nothing is said before the header is whole`, async () => {
    const { server, address } = await served();
    const header = formatProxyHeader(version, TOLD);
    const [waiting, other] = [await Client.connectOnly(address), await Client.connectOnly(address)];
    waiting.send(header.slice(0, -1));
    await other.send(header).until(/220 .*\r\n/);
    assert.match(await other.say("NOOP"), /^250/);
    assert.is(waiting.received, "");
    assert.is(server.peers.length, 1);
    await waiting.send(header.slice(-1)).until(/220 .*\r\n/);
    waiting.end();
    other.end();
  });
}

test("a client that says all it has to say with the header, and closes its half, is answered", async () => {
  const { server, address } = await served();
  const client = await Client.connectOnly(address);
  client.socket.end(`${V1}EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nearly\r\n.\r\nQUIT\r\n`);
  assert.match(await client.closed(), /^220 .*250 2\.0\.0 Message accepted\r\n221 .*\r\n$/s);
  assert.equal(server.messages, ["192.0.2.7 early\r\n"]);
});

test("what belongs to the client is the client's, another header, too", async () => {
  const { server, address } = await served();
  const client = await proxied(address, V1);
  assert.match(await client.say(V1.trimEnd()), /^500/);
  assert.equal(server.peers, [PEER]);
});

for (const [what, header] of [["UNKNOWN", UNKNOWN], ["LOCAL", formatProxyHeader(2)], ["a unix socket", formatProxyHeader(2, { source: "/run/client", destination: "/run/proxy" })]] as const) {
  test(`${what}: the addresses are the proxy's own, and the client is unknown`, async () => {
    const { server, address } = await served();
    const client = await proxied(address, header);
    assert.equal(server.peers, [{ address: "127.0.0.1", port: client.socket.localPort, localAddress: "127.0.0.1", localPort: address[1], proxied: "unknown" }]);
  });
}

/** The connection ends without a word to it. */
async function hungUpOn(address: Address, said: string | Uint8Array = ""): Promise<void> {
  const client = (await Client.connectOnly(address)).send(said);
  await eventually(() => client.socket.closed, "it is closed");
  assert.is(client.received, "");
}

/** Tries again until something comes of it: a place is free a little later than its owner has gone. */
async function insisting<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
    const found = await attempt();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("nothing came of it");
}

test("who is no proxy of ours is hung up on, whatever he says, and the operator learns of it once", async () => {
  const { server, address } = await served({ proxyProtocol: ["192.0.2.0/24", "127.0.0.2"] });
  await hungUpOn(address);
  await hungUpOn(address, `${V1}EHLO x\r\n`);
  assert.equal(server.heard, Array(2).fill("smtpd: PROXY protocol from 127.0.0.1 failed: Error: no proxy of ours"));
  const ours = await Client.connectOnly(address, { localAddress: "127.0.0.2" });
  await ours.send(V1).until(/^220 /);
  ours.end();
});

test("who has no header is hung up on, and none of his octets reaches the log", async () => {
  const { server, address } = await served();
  const malformed = ["EHLO client.example\r\n", "GET / HTTP/1.1\r\n\r\n", "\x1b[31m", V1.replace("TCP4", "TCP6"), Buffer.from("0d0a0d0a000d0a515549540a31", "hex"), `PROXY TCP4 ${"1".repeat(200)}`];
  for (const each of malformed) await hungUpOn(address, each);
  assert.equal(server.heard, malformed.map(() => "smtpd: PROXY protocol from 127.0.0.1 failed: Error: malformed header"));
  assert.is(server.peers.length, 0);
});

for (const begun of ["", "PROXY TCP4", "\r\n\r\n\0\r\nQUIT\n!"]) {
  test(`a header that stays at ${JSON.stringify(begun)} has its time`, async () => {
    const { server, address } = await served({ limits: { proxyHeaderMs: 30 } });
    await hungUpOn(address, begun);
    assert.equal(server.heard, ["smtpd: PROXY protocol from 127.0.0.1 failed: Error: no header in time"]);
  });

  test(`one that ends at ${JSON.stringify(begun)} is none`, async () => {
    const { server, address } = await served();
    const client = await Client.connectOnly(address);
    client.socket.end(begun);
    assert.is(await client.closed(), "");
    assert.equal(server.heard, ["smtpd: PROXY protocol from 127.0.0.1 failed: Error: no whole header"]);
  });
}

test("the time for the header is over with it", async () => {
  const { server, address } = await served({ limits: { proxyHeaderMs: 50 } });
  const client = await proxied(address, V1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.match(await client.say("NOOP"), /^250/);
  assert.equal(server.heard, []);
});

for (const leave of ["end", "reset"] as const) {
  test(`whoever waits for a header takes a place, and gives it back at a ${leave}; one more is hung up on`, async () => {
    const { server, address } = await served({ maxConnections: 1 });
    const waiting = await Client.connectOnly(address);
    await hungUpOn(address, V1);
    waiting[leave]();
    const admitted = await insisting(() => proxied(address, V1).catch(() => undefined));
    await hungUpOn(address, V1);
    assert.match(await admitted.say("QUIT"), /^221/);
    assert.is(server.peers.length, 1);
  });
}

test("close() does not wait for those who have said nothing, and they hear nothing", async () => {
  const { server, address } = await served({ graceMs: 60_000 });
  const session = await proxied(address, V1);
  const waiting = [await Client.connectOnly(address), (await Client.connectOnly(address)).send("PROXY ")];
  await session.say("NOOP"); // by now they are accepted
  const closed = server.close();
  for (const each of waiting) assert.is(await each.closed(), "");
  assert.match(await session.closed(), /^421/);
  await closed;
  assert.equal(server.heard, []);
});

testIf(noOpenssl, test, "nor for a handshake that has not come", async () => {
  const { server, address } = await served({ certificate: ours, implicitTls: true, graceMs: 60_000 });
  const waiting = (await Client.connectOnly(address)).send(V1);
  await hungUpOn(address, "GET /\r\n"); // by now the other is accepted
  const closed = server.close();
  assert.is(await waiting.closed(), "");
  await closed;
});

test("a network that is none: before anything listens", async () => {
  const port = await freePort();
  for (const network of ["192.0.2.0/33", "example.org"]) assert.throws(() => new Seeing({ proxyProtocol: [network] }, ["127.0.0.1", port]), /is no network/);
  const free = createServer().listen(port, "127.0.0.1");
  await once(free, "listening");
  free.close();
});

test("networks", () => {
  const networks = new Networks(["fe80::/10", "192.0.2.0/24"]);
  for (const one of ["fe80::1", "fe80::1%eth0", "192.0.2.1", "::ffff:192.0.2.1"]) assert.ok(networks.has(one), one);
  for (const other of ["2001:db8::1", "192.0.3.1", "local", ""]) assert.not(networks.has(other), other);
});

test("on a unix socket, whoever can open it is a proxy, and has to say so", async () => {
  const { server, address } = await served({ proxyProtocol: ["192.0.2.1"] }, join(folder, "socket"));
  await proxied(address, V1);
  await proxied(address, UNKNOWN);
  assert.equal(server.peers, [PEER, { address: "local", port: 0, localAddress: "local", localPort: 0, proxied: "unknown" }]);
  await hungUpOn(address, "EHLO x\r\n");
});

test("an empty list of networks is none: clients come by themselves", async () => {
  const { server, address } = await served({ proxyProtocol: [] });
  const client = await Client.connect(address);
  assert.match(await client.say("EHLO x"), /^250-/);
  assert.equal(server.peers.map(({ address: ip, proxied }) => [ip, proxied]), [["127.0.0.1", undefined]]);
});

/** A proxy: what its client says first goes on behind a header, cut as asked for. */
async function proxyOf(target: Address, cut: (octets: Buffer) => Iterable<Uint8Array>): Promise<Address> {
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const server = connectNet({ host: target[0] as string, port: target[1] as number, noDelay: true });
    sockets.push(client, server);
    for (const socket of [client, server]) socket.on("error", () => {});
    server.pipe(client);
    client.once("data", async (first: Buffer) => {
      client.pause();
      for (const segment of cut(Buffer.concat([Buffer.from(V1), first]))) {
        server.write(segment);
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.pipe(server);
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  cleanUp.unshift(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return ["127.0.0.1", (proxy.address() as { port: number }).port];
}

/** Says lines under TLS, and gives all that was heard once the connection is over. */
async function overTls(socket: Socket, ...lines: string[]): Promise<string> {
  const secure = connectTls({ socket, servername: "mx.example", ca: ours.cert });
  let heard = "";
  secure.on("data", (octets: Buffer) => (heard += octets.toString()));
  await once(secure, "secureConnect", { signal: AbortSignal.timeout(PATIENCE_MS) });
  secure.write(lines.map((line) => `${line}\r\n`).join(""));
  await once(secure, "close", { signal: AbortSignal.timeout(PATIENCE_MS) });
  return heard;
}

const CUTS: { readonly [what: string]: (octets: Buffer) => Iterable<Uint8Array> } = {
  "in one segment": (octets) => [octets],
  "octet by octet": (octets) => [...octets].map((octet) => Uint8Array.of(octet)),
  "cut where the header ends": (octets) => [octets.subarray(0, V1.length), octets.subarray(V1.length)],
  "cut within the handshake": (octets) => [octets.subarray(0, V1.length + 7), octets.subarray(V1.length + 7)],
};
for (const [what, cut] of Object.entries(CUTS)) {
  testIf(noOpenssl, test, `TLS from the first octet behind the header on, ${what}`, async () => {
    const { server, address } = await served({ certificate: ours, implicitTls: true });
    const [host, port] = (await proxyOf(address, cut)) as [string, number];
    const heard = await overTls(connectNet(port, host), "EHLO x", "QUIT");
    assert.match(heard, /^220 mx\.example ESMTP ready\r\n250-.*\r\n221 .*\r\n$/s);
    assert.equal(server.peers, [PEER]);
    assert.equal(server.heard, []);
  });
}

testIf(noOpenssl, test, "STARTTLS behind a header", async () => {
  const { server, address } = await served({ certificate: ours });
  const client = await proxied(address, V1);
  assert.match(await client.say("EHLO x"), /STARTTLS/);
  assert.match(await client.say("STARTTLS"), /^220/);
  client.socket.removeAllListeners("data");
  assert.match(await overTls(client.socket, "EHLO x", "MAIL FROM:<a@b>", "QUIT"), /250 2\.1\.0 .*\r\n221/);
  assert.equal(server.peers, [PEER]);
});

// --- next hops that we tell ---

interface Hop { readonly address: NextHop; readonly server: Scripted; readonly headers: ProxyAddresses[] }

/** A next hop that wants a header; what it was told, a connection each. Behind it is a server as the script says. */
async function hop(script: Script = {}, options: Parameters<typeof Scripted.start>[1] = {}): Promise<Hop> {
  const server = await Scripted.start(script, options);
  const [host, port] = server.address as readonly [string, number];
  const headers: ProxyAddresses[] = [];
  const sockets: Socket[] = [];
  const front = createServer((socket) => {
    const reader = new ProxyReader();
    sockets.push(socket);
    socket.on("error", () => {});
    const receive = (octets: Buffer): void => {
      const step = reader.receive(octets);
      assert.is.not(step.type, "malformed", octets.toString("hex"));
      if (step.type !== "header") return;
      const { type: _, consumed, ...addresses } = step;
      headers.push(addresses);
      socket.off("data", receive).pause();
      socket.unshift(octets.subarray(consumed));
      const behind = connectNet(port, host).on("error", () => {});
      socket.pipe(behind).pipe(socket);
    };
    socket.on("data", receive);
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy();
    front.close();
    return server.close();
  });
  return { address: ["127.0.0.1", (front.address() as { port: number }).port], server, headers };
}

async function relaying(to: NextHop, upstream: PureProxyOptions["upstream"], options: PureProxyOptions = {}, at: Address = ["127.0.0.1", 0]): Promise<Address> {
  const proxy = new PureProxy(at, to, { hostname: "proxy.example", log: () => {}, graceMs: 100, ...options, upstream: { hostname: "proxy.example", ...upstream } });
  cleanUp.unshift(() => proxy.close());
  return (await proxy.listening)[0]!;
}

async function clientOf(address: Address, localAddress?: string): Promise<Client> {
  const client = await Client.connect(address, localAddress === undefined ? {} : { localAddress });
  cleanUp.unshift(() => client.end());
  return client;
}

function told(client: Client, at: Address): ProxyAddresses {
  return { source: [client.socket.localAddress!, client.socket.localPort!], destination: at as ProxyAddresses["destination"] & object };
}

for (const proxyProtocol of [1, 2] as const) {
  test(`version ${proxyProtocol}: upstream is told of the client of each transaction, and of none where it is asked what it offers`, async () => {
    const { address, server, headers } = await hop();
    const proxy = await relaying(address, { proxyProtocol });
    const client = await clientOf(proxy);
    assert.match(await client.deliver("Subject: hello"), /^250 2\.6\.0 Queued/);
    assert.equal(headers, [{}, told(client, proxy)]);
    await eventually(() => server.heard.every((lines) => lines.at(-1) === "QUIT"), "neither is kept");
    assert.is(server.dialogue, "EHLO proxy.example, QUIT | EHLO proxy.example, MAIL FROM:<a@example.com>, RCPT TO:<b@example.org>, DATA, QUIT");
  });

  test(`version ${proxyProtocol}: no connection tells of one client and carries another's mail`, async () => {
    const { address, server, headers } = await hop();
    const proxy = await relaying(address, { proxyProtocol });
    const [one, other] = [await clientOf(proxy), await clientOf(proxy, "127.0.0.2")];
    for (const client of [one, other, one]) assert.match(await client.deliver("x"), /^250/);
    assert.equal(headers, [{}, told(one, proxy), told(other, proxy), told(one, proxy)]);
    assert.is(other.socket.localAddress, "127.0.0.2");
    await eventually(() => server.heard.every((lines) => lines.at(-1) === "QUIT"), "none is kept");
    assert.is(server.heard.length, 4);
  });

  test(`version ${proxyProtocol}: a client on a unix socket, and one that another proxy did not tell of, have no address to tell`, async () => {
    const { address, headers } = await hop();
    const path = join(folder, `proxy-${proxyProtocol}`);
    await relaying(address, { proxyProtocol }, {}, path);
    assert.match(await (await clientOf(path)).deliver("x"), /^250/);
    const behind = await relaying(address, { proxyProtocol }, { proxyProtocol: LOOPBACK, relayDomains: ["example.org"] });
    assert.match(await (await proxied(behind, UNKNOWN)).deliver("x"), /^250/);
    assert.equal(headers, [{}, {}, {}, {}]);
  });

  testIf(noOpenssl, test, `version ${proxyProtocol}: the header goes before TLS, whichever way TLS begins`, async () => {
    const tls = { ca: ours.cert };
    for (const implicitTls of [true, false]) {
      const { address, server, headers } = await hop({ EHLO: "250-upstream.example\r\n250 STARTTLS" }, { certificate: ours, implicitTls });
      const proxy = await relaying(["localhost", address[1] as number], { proxyProtocol, implicitTls, tls, starttls: "required" });
      const client = await clientOf(proxy);
      assert.match(await client.deliver("x"), /^250/);
      assert.equal(headers, [{}, told(client, proxy)]);
      assert.is(server.dialogue.includes("STARTTLS, (handshake), EHLO proxy.example, MAIL"), !implicitTls);
    }
  });
}

(HAS_IPV6 ? test : test.skip)("version 1: an IPv6 client", async () => {
  const { address, headers } = await hop();
  const proxy = await relaying(address, { proxyProtocol: 1 }, {}, ["::1", 0]);
  const client = await clientOf(proxy);
  assert.match(await client.deliver("x"), /^250/);
  assert.equal(headers[1], { source: ["::1", client.socket.localPort], destination: ["::1", proxy[1]] });
});

test("an Upstream of one's own: the client is told where there is one, and the header counts for nothing where it is not asked for", async () => {
  const { address, server, headers } = await hop();
  const mail = commandOf("MAIL FROM:<a@b>") as Mail;
  const to = new Upstream(address, { proxyProtocol: 2, hostname: "proxy.example", most: 1 });
  const first = await to.begin(mail, undefined, PEER);
  assert.is((await to.begin(mail)).reply.lines[0], "Upstream: too many connections");
  first.abort();
  const second = await insisting(async () => {
    const transaction = await to.begin(mail);
    return transaction.reply.code === 250 ? transaction : undefined;
  });
  assert.equal(headers, [TOLD, {}]);
  second.abort();
  await to.close();
  const plain = new Upstream(server.address, { hostname: "proxy.example" });
  (await plain.begin(mail, undefined, PEER)).abort();
  await eventually(() => / \| EHLO proxy\.example, MAIL FROM:<a@b>, RSET$/.test(server.dialogue), "it is kept");
  await plain.close();
});

// --- both ---

for (const proxyProtocol of [1, 2] as const) {
  test(`two proxies, version ${proxyProtocol}: both Received lines show the first client`, async () => {
    const server = await Scripted.start();
    cleanUp.push(() => server.close());
    const second = await relaying(server.address, {}, { proxyProtocol: LOOPBACK, allow: ["127.0.0.3"] });
    const first = await relaying(second as NextHop, { proxyProtocol });
    assert.match(await (await clientOf(first, "127.0.0.3")).deliver("x"), /^250/);
    assert.is(server.messages[0]!.match(/\[127\.0\.0\.3\]/g)?.length, 2, server.messages[0]);
    const other = await clientOf(first, "127.0.0.4");
    for (const line of ["EHLO x", "MAIL FROM:<a@b>"]) assert.match(await other.say(line), /^250/);
    assert.is(await other.say("RCPT TO:<c@d>"), "550 5.7.1 Relaying denied\r\n");
  });
}

test("nobody is trusted for the address of a proxy on this host, nor for that of a client on it", async () => {
  const server = await Scripted.start();
  cleanUp.push(() => server.close());
  const onLoopback = "PROXY TCP4 127.0.0.1 127.0.0.1 4711 25\r\n";
  const rcpt = async (allow: string[], header: string | Uint8Array): Promise<string> => {
    const client = await proxied(await relaying(server.address, {}, { proxyProtocol: LOOPBACK, allow }), header);
    for (const line of ["EHLO x", "MAIL FROM:<a@b>"]) assert.match(await client.say(line), /^250/);
    return (await client.say("RCPT TO:<c@d>")).slice(0, 3);
  };
  for (const header of [UNKNOWN, formatProxyHeader(2), onLoopback, V1]) assert.is(await rcpt([], header), "550");
  for (const header of [UNKNOWN, formatProxyHeader(2)]) assert.is(await rcpt(["127.0.0.0/8"], header), "550");
  assert.is(await rcpt(["127.0.0.0/8"], onLoopback), "250");
  assert.is(await rcpt(["192.0.2.0/24"], V1), "250");
});

test("a proxy behind proxies, through which nobody may relay, says so to the operator", async () => {
  for (const [allow, lines] of [[[], ["smtpd: listening for proxies, but none of their clients may relay; --allow CIDR or --relay-domain DOMAIN opens it"]], [["192.0.2.7"], []]] as const) {
    const log: string[] = [];
    await relaying(["127.0.0.1", await freePort()], {}, { proxyProtocol: LOOPBACK, allow, log: (line) => log.push(line) });
    assert.equal(log, lines);
  }
});

test.run();
