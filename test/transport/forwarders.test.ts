// XCLIENT and XFORWARD over real sockets: who may say them, whose the session is then, and what it may do.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Address, type MessageOptions, type Peer, type Session, type SMTPServerOptions } from "../../dist/index.js";
import { XCLIENT } from "../../dist/protocol/index.js";
import { authentication, Forwarders, Networks } from "../../dist/transport/index.js";
import { spokenFor } from "../../dist/transport/forwarders.js";
import { settings } from "../../dist/protocol/index.js";
import { Client, eventually } from "../client.js";
import { Scripted } from "../scripted.js";

const test = suite("forwarders");
const cleanUp: (() => unknown)[] = [];

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

/** Whom its sessions are with, and what becomes of them. */
class Seeing extends SMTPServer {
  readonly seen: string[] = [];
  readonly told: MessageOptions[] = [];

  override session(peer: Peer): Session {
    const { address, user, name, proxied } = peer;
    const who = [proxied === "unknown" ? "unknown" : address, name, user].filter((each) => each !== undefined).join(" ");
    if (address === "192.0.2.13") throw new Error("no session with that one");
    return {
      ...super.session(peer),
      connect: () => {
        this.seen.push(`connect ${who}`);
        return address === "192.0.2.66" ? "554 5.7.1 Not you" : undefined;
      },
      authenticated: ({ authorizationId }) => void this.seen.push(`authenticated ${authorizationId}`),
      closed: () => void this.seen.push(`closed ${who}`),
    };
  }

  override processMessage(peer: Peer, ...[, , , options]: [string, string[], unknown, MessageOptions]): string {
    this.told.push(options);
    return `250 2.6.0 from ${peer.address}`;
  }
}

interface Served { readonly server: Seeing; readonly client: Client; readonly log: string[]; readonly accepted: string[] }

async function served(options: SMTPServerOptions = {}, from = "127.0.0.1", Server = Seeing): Promise<Served> {
  const log: string[] = [];
  const accepted: string[] = [];
  const server = new Server(["127.0.0.1", 0], undefined, {
    hostname: "mx.example", xclient: ["127.0.0.1"], xforward: ["127.0.0.1"], log: (line) => log.push(line), accepted: ({ address }) => accepted.push(address), graceMs: 100, ...options,
  });
  cleanUp.unshift(() => server.close());
  const client = await connected((await server.listening)[0]!, from);
  return { server, client, log, accepted };
}

async function connected(address: Address, localAddress: string): Promise<Client> {
  const client = await Client.connect(address, { localAddress });
  cleanUp.unshift(() => client.end());
  return client;
}

test("the session is over, and one of the client's begins", async () => {
  const { server, client, accepted } = await served();
  assert.match(await client.say("EHLO forwarder.example"), /250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n$/);
  assert.is(await client.say("XCLIENT NAME=spike.example ADDR=168.100.189.2 PORT=4711"), "220 mx.example ESMTP ready\r\n");
  assert.equal(server.seen, ["connect 127.0.0.1", "closed 127.0.0.1", "connect 168.100.189.2 spike.example"]);
  assert.match(await client.say("MAIL FROM:<a@b>"), /^503 /);
  assert.is(await client.deliver("x"), "250 2.6.0 from 168.100.189.2\r\n");
  assert.equal(accepted, ["168.100.189.2"]);
  await client.say("QUIT");
  await client.closed();
  assert.is(server.seen.at(-1), "closed 168.100.189.2 spike.example");
});

test("the forwarder may say it again, whoever it said to be; what was told of one client is not told of the next", async () => {
  const { server, client } = await served();
  for (const line of ["XCLIENT HELO=spike.example PROTO=SMTP LOGIN=ann", "XCLIENT NAME=spike.example", "XCLIENT ADDR=192.0.2.1 PORT=1", "XCLIENT NAME=[UNAVAILABLE]", "XCLIENT ADDR=IPV6:2001:DB8:0:0::1"]) {
    assert.match(await client.say(line), /^220 /, line);
  }
  assert.equal(server.seen.filter((each) => each.startsWith("connect")).slice(1), [
    "connect unknown ann", "connect unknown spike.example ann", "connect 192.0.2.1 spike.example ann", "connect 192.0.2.1 ann", "connect 2001:db8::1",
  ]);
});

test("behind a hello it is another client, of whom nothing is known yet", async () => {
  const { server, client } = await served();
  for (const line of ["XCLIENT ADDR=192.0.2.1 LOGIN=ann", "EHLO x", "XCLIENT NAME=spike.example", "EHLO x", "XCLIENT LOGIN=bob", "HELO x", "XCLIENT ADDR=192.0.2.2"]) {
    assert.match(await client.say(line), /^2[25]0[- ]/, line);
  }
  assert.equal(server.seen.filter((each) => each.startsWith("connect")).slice(1), ["connect 192.0.2.1 ann", "connect unknown spike.example", "connect unknown bob", "connect 192.0.2.2"]);
});

test("neither what was offered to one client alone nor its mistakes are left to the next", async () => {
  class Choosing extends Seeing {
    override session(peer: Peer): Session {
      return { ...super.session(peer), ...(peer.proxied === undefined && { EHLO: () => settings({ hostname: "big.example", limits: { messageOctets: 0 } }) }) };
    }
  }
  const { client } = await served({ dataSizeLimit: 1000, limits: { errors: 3 } }, "127.0.0.1", Choosing);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1"), /^220 mx\.example /);
  assert.match(await client.say("EHLO x"), /^250-mx\.example\r\n[^]*250-SIZE 1000\r\n/);
  for (const _ of [1, 2]) assert.match(await client.say("FOO"), /^500 /);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.2"), /^220 /);
  for (const _ of [1, 2]) assert.match(await client.say("FOO"), /^500 /);
});

test("a client that is not wanted hears so; behind that there is only QUIT", async () => {
  const { client, server } = await served();
  assert.is(await client.say("XCLIENT ADDR=192.0.2.66"), "554 Not you\r\n", "RFC 2034 §3: a greeting shows no enhanced code");
  assert.match(await client.say("EHLO x"), /^503 /);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1"), /^503 /);
  assert.match(await client.say("QUIT"), /^221 /);
  await client.closed();
  assert.is(server.seen.at(-1), "closed 192.0.2.66");
});

test("a session that may not begin, or does not want to end: it goes on as it was", async () => {
  const { client, log, server } = await served();
  assert.match(await client.say("EHLO x"), /^250/);
  assert.is(await client.say("XCLIENT ADDR=192.0.2.13"), "451 4.3.0 Local error in processing\r\n");
  assert.equal(log, ["smtpd: XCLIENT from 127.0.0.1 failed and was answered 451: Error: no session with that one"]);
  assert.match(await client.say("MAIL FROM:<a@b>"), /^250 /);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1"), /^503 /);
  assert.equal(server.seen, ["connect 127.0.0.1"]);

  class Refusing extends Seeing {
    override session(peer: Peer): Session {
      return { ...super.session(peer), XCLIENT: async ({ attributes }) => (attributes.NAME === undefined ? "550 5.7.0 A name, please" : "250 Fine") };
    }
  }
  const { client: other, server: refusing } = await served({}, "127.0.0.1", Refusing);
  assert.is(await other.say("XCLIENT ADDR=192.0.2.1"), "550 5.7.0 A name, please\r\n");
  assert.equal(refusing.seen, ["connect 127.0.0.1"]);
  assert.match(await other.say("XCLIENT ADDR=192.0.2.1 NAME=x"), /^220 /);
  assert.is(refusing.seen.at(-1), "connect 192.0.2.1 x");
});

test("from other networks it is refused, and the session closed, wherever it is said", async () => {
  for (const before of [[], ["EHLO x"], ["EHLO x", "MAIL FROM:<a@b>"], ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>"]]) {
    for (const verb of ["XCLIENT ADDR=127.0.0.1", "XFORWARD ADDR=127.0.0.1", "xclient"]) {
      const { client, server } = await served({}, "127.0.0.2");
      for (const line of before) assert.not.match(await client.say(line), /XCLIENT|XFORWARD/);
      client.send(`${verb}\r\nNOOP\r\n`);
      assert.is(await client.closed(), `421 4.7.0 mx.example You may not say ${verb.split(" ")[0]!.toUpperCase()}\r\n`);
      await eventually(() => server.seen.length === 2, "the session is closed");
      assert.equal(server.seen, ["connect 127.0.0.2", "closed 127.0.0.2"]);
    }
  }
});

test("each has networks of its own; where there are none, nobody knows it", async () => {
  const { client } = await served({ xclient: [], xforward: ["127.0.0.0/8"] }, "127.0.0.2");
  assert.match(await client.say("EHLO x"), /XFORWARD/);
  assert.match(await client.say("XCLIENT ADDR=127.0.0.1"), /^500 /);
  assert.match(await client.say("XFORWARD ADDR=127.0.0.1"), /^250 /);
  const { client: other } = await served({ xforward: ["127.0.0.2"] });
  assert.not.match(await other.say("EHLO x"), /XFORWARD/);
  other.send("XFORWARD ADDR=127.0.0.1\r\n");
  assert.match(await other.closed(), /^421 /);
  assert.throws(() => new SMTPServer(["127.0.0.1", 0], undefined, { xclient: ["everybody"] }), /"everybody" is no network/);
});

test("without the option, the extension alone lets nobody speak for others", async () => {
  const { client } = await served({ xclient: [], extensions: [XCLIENT] });
  assert.not.match(await client.say("EHLO x"), /XCLIENT/);
  client.send("XCLIENT ADDR=192.0.2.1\r\n");
  assert.match(await client.closed(), /^421 4\.7\.0 /);
});

test("a word for that there is no login is none", async () => {
  const { client, server } = await served();
  for (const word of ["[TEMPUNAVAIL]", "[tempunavail]"]) assert.match(await client.say(`XCLIENT ADDR=192.0.2.1 LOGIN=${word}`), /^501 /);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1 LOGIN=[unavailable]"), /^220 /);
  assert.is(server.seen.at(-1), "connect 192.0.2.1");
});

test("a login of the forwarder's is not the client's; the client may log in itself", async () => {
  const { client, server } = await served({ authentication: authentication({ verify: (user) => user === "ann" || user === "bob" }, { inClear: ["PLAIN"], slowMs: 0 }) });
  const plain = (user: string): string => `AUTH PLAIN ${Buffer.from(`\0${user}\0x`).toString("base64")}`;
  await client.say("EHLO forwarder.example");
  assert.match(await client.say(plain("ann")), /^235/);
  assert.match(await client.say("XCLIENT ADDR=192.0.2.1"), /^220/);
  assert.match(await client.say("EHLO client.example"), /AUTH PLAIN/);
  assert.match(await client.say(plain("bob")), /^235/);
  assert.equal(server.seen, ["connect 127.0.0.1", "authenticated ann", "closed 127.0.0.1", "connect 192.0.2.1", "authenticated bob"]);
});

test("a message tells where it came from, and is no more trusted for it", async () => {
  const { client, server } = await served();
  await client.say("EHLO filter.example");
  await client.say("XFORWARD NAME=spike.example ADDR=168.100.189.2");
  await client.say("XFORWARD HELO=spike.example SOURCE=LOCAL");
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
  await client.until(/354 .*\r\n/);
  assert.is(await client.say("x", "."), "250 2.6.0 from 127.0.0.1\r\n");
  assert.match(await client.deliver("x"), /^250 /);
  assert.equal(server.told.map(({ forwarded }) => forwarded), [{ NAME: "spike.example", ADDR: "168.100.189.2", HELO: "spike.example", SOURCE: "LOCAL" }, undefined]);
  assert.equal(server.seen, ["connect 127.0.0.1"]);
});

test("whom a proxy relays for is asked of the client, not of the one who speaks for it", async () => {
  const upstream = await Scripted.start();
  cleanUp.push(() => upstream.close());
  const proxy = new PureProxy(["127.0.0.1", 0], upstream.address, { hostname: "proxy.example", allow: ["192.0.2.0/24"], xclient: ["127.0.0.1"], xforward: ["127.0.0.1"], log: () => {}, graceMs: 100 });
  cleanUp.unshift(() => proxy.close());
  const client = await connected((await proxy.listening)[0]!, "127.0.0.1");
  const relays = async (...lines: string[]): Promise<boolean> => {
    for (const line of [...lines, "EHLO x", "MAIL FROM:<a@b>"]) assert.match(await client.say(line), /^2/, line);
    const relayed = (await client.say("RCPT TO:<c@elsewhere.example>")).startsWith("250");
    await client.say("RSET");
    return relayed;
  };
  assert.ok(await relays(), "the forwarder itself");
  assert.not.ok(await relays("XCLIENT NAME=spike.example"), "an address that is not told is not this host's");
  assert.not.ok(await relays("XCLIENT ADDR=[UNAVAILABLE]"));
  assert.not.ok(await relays("XCLIENT ADDR=198.51.100.1"));
  assert.not.ok(await relays("XCLIENT ADDR=[UNAVAILABLE] NAME=localhost"));
  assert.not.ok(await relays("XCLIENT ADDR=127.0.0.1"), "that is the forwarder's own host, or its word for it");
  assert.ok(await relays("XCLIENT ADDR=192.0.2.7"));
  assert.ok(await relays("XCLIENT ADDR=IPV6:::ffff:192.0.2.7"), "an IPv4 address within IPv6");
  assert.ok(await relays("XCLIENT ADDR=198.51.100.1 LOGIN=ann"), "who has logged in, there");
  assert.not.ok(await relays("XCLIENT ADDR=198.51.100.2"), "not in the name of the one before");
  assert.not.ok(await relays("XCLIENT LOGIN=[UNAVAILABLE]"));
  await client.say("EHLO x");
  await client.say("XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL");
  await client.say("MAIL FROM:<a@b>");
  assert.match(await client.say("RCPT TO:<c@d>"), /^550 5\.7\.1/, "XFORWARD is for logs");
});

test("the client that is spoken for", () => {
  const forwarder: Peer = { address: "127.0.0.1", port: 1, localAddress: "127.0.0.2", localPort: 25 };
  assert.equal(spokenFor({}, forwarder), { ...forwarder, proxied: "unknown" });
  assert.equal(spokenFor({ PORT: 2 }, forwarder), { ...forwarder, proxied: "unknown" });
  assert.equal(spokenFor({ ADDR: "192.0.2.1" }, forwarder), { ...forwarder, address: "192.0.2.1", port: 0, proxied: "client" });
  assert.equal(spokenFor({ NAME: "[TEMPUNAVAIL]", ADDR: "[UNAVAILABLE]", PORT: "[UNAVAILABLE]", LOGIN: "[UNAVAILABLE]", DESTADDR: "[UNAVAILABLE]", DESTPORT: "[UNAVAILABLE]" }, forwarder), spokenFor({}, forwarder));
  assert.equal(spokenFor({ NAME: "a.example", ADDR: "::FFFF:192.0.2.1", PORT: 2, LOGIN: "ann", DESTADDR: "2001:DB8::0", DESTPORT: 587, HELO: "x", PROTO: "SMTP" }, forwarder), {
    address: "192.0.2.1", port: 2, localAddress: "2001:db8::", localPort: 587, proxied: "client", name: "a.example", user: "ann",
  });
});

test("who belongs to a network", () => {
  const networks = new Networks(["192.0.2.0/24", "2001:db8::/32", "10.0.0.7"]);
  assert.equal(["192.0.2.255", "2001:db8:1::1", "10.0.0.7", "192.0.3.1", "2001:db9::1", "10.0.0.8", "local", ""].map((each) => networks.has(each)), [true, true, true, false, false, false, false, false]);
  const { extensions, ...forwarders } = new Forwarders({});
  assert.equal([extensions, Object.keys(forwarders)], [[], []]);
  const all = new Forwarders({ xclient: ["2001:db8::/32"], xforward: ["0.0.0.0/0"] });
  const of = (address: string, proxied?: "client" | "unknown"): string[] => [...all.permitted({ address, port: 1, localAddress: address, localPort: 1, ...(proxied && { proxied }) })];
  assert.equal([of("local"), of("192.0.2.1"), of("2001:db8::1")], [[], ["XFORWARD"], ["XCLIENT"]]);
  assert.equal([of("192.0.2.1", "client"), of("192.0.2.1", "unknown")], [["XFORWARD"], []], "behind the PROXY protocol it is asked of the client, if that was told");
});

test.run();
