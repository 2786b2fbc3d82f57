// Real sockets on loopback: where it listens, how many it holds, what it does when they break, how it ends.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { settings, type SettingsOptions } from "../../dist/protocol/index.js";
import { Listener, type Address, type ListenOptions, type Peer, type Session } from "../../dist/transport/index.js";
import { Client, eventually } from "../client.js";

const test = suite("node");
const listeners: Listener[] = [];
const ANY: Address = ["127.0.0.1", 0];
const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((each) => each?.address === "::1");

interface Started { readonly listener: Listener; readonly address: Address; readonly events: string[]; readonly peers: Peer[] }

async function start(session: Session = {}, options: SettingsOptions & Partial<ListenOptions> = {}, address = ANY): Promise<Started> {
  const events: string[] = [];
  const peers: Peer[] = [];
  const told: Session = { abort: ({ reason }) => void events.push(`abort ${reason}`), closed: () => void events.push("closed"), message: () => void events.push("message") };
  const listener = new Listener(address, {
    settings: settings({ hostname: "foo.com", ...options }),
    strategy: { session: (peer) => (peers.push(peer), { ...told, ...session }) },
    failed: (what, error) => events.push(`${what} failed: ${String(error)}`),
    ...options,
  });
  listeners.push(listener);
  const [first] = await listener.listening;
  return { listener, address: first!, events, peers };
}

test.after.each(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

test("IPv4, any free port, and who is there", async () => {
  const { address, peers, events } = await start();
  assert.ok(Array.isArray(address) && address[1] > 0);
  const client = await Client.connect(address);
  assert.match(await client.deliver("Subject: x"), /250 2.0.0/);
  assert.match(await client.say("QUIT"), /221/);
  await client.closed();
  assert.equal(events, ["message", "closed"]);
  assert.is(peers[0]!.address, "127.0.0.1");
  assert.is(peers[0]!.port, client.socket.localPort ?? peers[0]!.port);
  assert.is(peers[0]!.localPort, address[1]);
});

const withIpv6 = HAS_IPV6 ? test : test.skip; // there are hosts without ::1

withIpv6("IPv6, and an IPv4 client of a socket for both", async () => {
  const { address, peers } = await start({}, {}, ["::1", 0]);
  await (await Client.connect(address)).say("QUIT");
  assert.is(peers[0]!.address, "::1");
  const both = await start({}, {}, ["::", 0]);
  await (await Client.connect(["127.0.0.1", both.address[1] as number])).say("QUIT");
  assert.is(both.peers[0]!.address, "127.0.0.1");
  assert.is(both.peers[0]!.localAddress, "127.0.0.1");
  for (const within of ["::ffff:127.0.0.1", "::ffff:0.0.0.0"]) {
    const mapped = await start({}, {}, [within, 0]);
    await (await Client.connect(["127.0.0.1", mapped.address[1] as number])).say("QUIT");
    assert.equal([mapped.peers[0]!.address, mapped.peers[0]!.localAddress], ["127.0.0.1", "127.0.0.1"], within);
  }
});

test("a name stands for all of its addresses, at one port", async () => {
  const { listener } = await start({}, {}, ["localhost", 0]);
  const addresses = await listener.listening;
  assert.is(new Set(addresses.map(([, port]) => port)).size, 1);
  for (const address of addresses) assert.match(await (await Client.connect(address)).say("QUIT"), /221/);
});

test("a unix socket", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const { address, peers } = await start({}, {}, join(directory, "socket"));
  assert.match(await (await Client.connect(address)).deliver("x"), /250 2.0.0/);
  assert.equal(peers[0], { address: "local", port: 0, localAddress: "local", localPort: 0 });
  await listeners.pop()!.close();
  rmSync(directory, { recursive: true });
});

test("where it cannot listen, it says so", async () => {
  const { address } = await start();
  const again = new Listener(address, { settings: settings(), strategy: { session: () => ({}) }, failed: () => {} });
  await again.listening.then(() => assert.unreachable(), (error: NodeJS.ErrnoException) => assert.is(error.code, "EADDRINUSE"));
  await again.close();
  const nowhere = new Listener(["192.0.2.1", 0], { settings: settings(), strategy: { session: () => ({}) }, failed: () => {} });
  await nowhere.listening.then(() => assert.unreachable(), (error: NodeJS.ErrnoException) => assert.is(error.code, "EADDRNOTAVAIL"));
  await nowhere.close();
});

test("one segment for a pipelined group", async () => {
  const { address } = await start();
  const client = await Client.connect(address);
  await client.say("EHLO x");
  client.segments.length = 0;
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nDATA\r\n");
  await client.until(/354 .*\r\n/);
  assert.is(client.segments.length, 1);
  client.end();
});

test("too many connections hear 421; when one goes, the next may come", async () => {
  const { address, listener } = await start({}, { maxConnections: 2 });
  const [first] = [await Client.connect(address), await Client.connect(address)];
  const third = await Client.connectOnly(address);
  assert.is(await third.closed(), "421 foo.com Too many connections\r\n");
  await first!.say("QUIT");
  await eventually(() => listener.size === 1, "the first is gone");
  assert.match(await (await Client.connect(address)).say("NOOP"), /250/);
});

test("a client that closes its half first still hears its replies", async () => {
  const { address, events } = await start({ RCPT: async () => undefined });
  const client = await Client.connect(address);
  client.socket.end("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n");
  assert.match(await client.closed(), /250 2.0.0 Message accepted\r\n221 .*\r\n$/);
  assert.equal(events, ["message", "closed"]);
});

test("clients that go away, at every step, by closing or by reset: given up, and nothing else happens", async () => {
  const steps = ["", "EHLO x\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n", "half\r\n", ".", "\r\n"];
  const { address, events, listener } = await start({ RCPT: () => new Promise((resolve) => setTimeout(resolve, 1)) });
  for (let count = 0; count <= steps.length; count++) {
    for (const leave of ["end", "reset"] as const) {
      const client = await Client.connectOnly(address);
      for (const step of steps.slice(0, count)) client.send(step);
      client[leave]();
    }
  }
  await eventually(() => listener.size === 0, "all connections are gone");
  assert.ok(events.every((event) => ["closed", "abort closed", "message"].includes(event)), events.join());
  assert.is(events.filter((event) => event === "closed").length, (steps.length + 1) * 2);
  assert.match(await (await Client.connect(address)).say("NOOP"), /250/);
});

test("a client that does not read its replies is not read from, and in the end cut off", async () => {
  const { address, listener } = await start({}, { limits: { commandMs: 400, errors: Infinity } });
  const client = await Client.connect(address);
  client.socket.pause();
  const flood = Buffer.from(`HELP\r\n`.repeat(100_000));
  let sent = 0;
  const before = process.memoryUsage().rss;
  while (sent < 200 && client.socket.write(flood)) sent += 1;
  client.socket.write(flood);
  await eventually(() => listener.size === 0, "it is cut off");
  assert.ok(process.memoryUsage().rss - before < 200e6);
  client.end();
});

test("a slow body hook holds back the client: what is sent is not all taken in", async () => {
  let release = (): void => {};
  let taken = 0;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const { address } = await start({ body: (chunk) => ((taken += chunk.length), gate) });
  const client = await Client.connect(address);
  await client.upToData();
  const line = `${"x".repeat(78)}\r\n`;
  const total = 20_000_000 / line.length;
  client.send(line.repeat(total));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(taken < 200_000, `${taken}`);
  assert.ok(client.socket.writableLength > 0, "the client waits");
  release();
  assert.match(await client.say("."), /250 2.0.0/);
  assert.is(taken, 20_000_000);
});

test("silence: 421, for an idle client and for one in mid-message", async () => {
  const { address, events } = await start({}, { limits: { commandMs: 500, dataBlockMs: 500 } });
  const idle = await Client.connect(address);
  const halfway = await Client.connect(address);
  await halfway.upToData();
  halfway.send("half a message\r\n");
  assert.match(await idle.closed(), /421 4.4.2 foo.com Timeout\r\n$/);
  assert.match(await halfway.closed(), /421 4.4.2 foo.com Timeout\r\n$/);
  assert.ok(events.includes("abort timed out"));
});

test("close: the idle hear 421, a message in flight is finished, and nobody new comes in", async () => {
  const { address, listener, events } = await start();
  const idle = await Client.connect(address);
  const busy = await Client.connect(address);
  await busy.upToData();
  const closing = listener.close();
  assert.is(listener.close(), closing, "twice is once");
  assert.match(await idle.closed(), /421 4.3.2 foo.com Service shutting down\r\n$/);
  await Client.connectOnly(address).then(() => assert.unreachable(), (error: NodeJS.ErrnoException) => assert.is(error.code, "ECONNREFUSED"));
  assert.match(await busy.say("the end", "."), /250 2.0.0/);
  assert.match(await busy.say("QUIT"), /221/);
  await closing;
  assert.ok(events.includes("message"));
  assert.is(listener.size, 0);
});

test("close: after the time of grace all are told, and the deaf are cut off", async () => {
  const { address, listener, events } = await start({}, { graceMs: 50 });
  const stuck = await Client.connect(address);
  await stuck.upToData();
  await listener.close();
  assert.match(await stuck.closed(), /421 4.3.2 foo.com Service shutting down\r\n$/);
  assert.ok(events.includes("abort shut down"));
});

test("closed before it listens", async () => {
  const listener = new Listener(ANY, { settings: settings(), strategy: { session: () => ({}) }, failed: () => {} });
  await listener.close();
  assert.is(listener.size, 0);
  const [address] = await listener.listening;
  await Client.connectOnly(address!).then(() => assert.unreachable(), () => {});
});

test("a strategy that fails to begin", async () => {
  const events: string[] = [];
  const listener = new Listener(ANY, {
    settings: settings(),
    strategy: { session: () => { throw new Error("not today"); } },
    failed: (what, error) => events.push(`${what}: ${String(error)}`),
  });
  listeners.push(listener);
  const [address] = await listener.listening;
  assert.is(await (await Client.connectOnly(address!)).closed(), "421 localhost Local error\r\n");
  assert.equal(events, ["session: Error: not today"]);
});

test("a slow greeting: nothing is read before it", async () => {
  const { address } = await start({ connect: () => new Promise((resolve) => setTimeout(() => resolve("220 foo.com at last"), 50)) });
  const client = await Client.connectOnly(address);
  client.send("EHLO x\r\n");
  assert.match(await client.until(/250 HELP\r\n/), /^220 foo.com at last\r\n250-foo.com\r\n/);
  client.end();
});

test("two hundred connections side by side", async () => {
  const { address, events } = await start();
  await Promise.all(Array.from({ length: 200 }, async (_, index) => {
    const client = await Client.connect(address);
    assert.match(await client.deliver(`Subject: ${index}`), /250 2.0.0/);
    await client.say("QUIT");
  }));
  assert.is(events.filter((event) => event === "message").length, 200);
});

test("a port that another program holds", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as { port: number };
  const listener = new Listener(["127.0.0.1", port], { settings: settings(), strategy: { session: () => ({}) }, failed: () => {} });
  await listener.listening.then(() => assert.unreachable(), (error: NodeJS.ErrnoException) => assert.is(error.code, "EADDRINUSE"));
  other.close();
});

test.run();
