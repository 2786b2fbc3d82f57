// The way to the next hop: real sockets, and servers that do what their script says.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Mail, Rcpt, Reply } from "../../dist/protocol/index.js";
import { targetsOf, Upstream, type Credentials, type NextHop, type Resolver, type Transaction, type UpstreamOptions } from "../../dist/transport/index.js";
import { makeCertificate } from "../certificate.js";
import { eventually, freePort } from "../client.js";
import { commandOf } from "../client-transcript.js";
import { have, testIf } from "../interop/tools.js";
import { Scripted, type Script } from "../scripted.js";

const test = suite("upstream");

const MAIL = commandOf("MAIL FROM:<a@b>") as Mail;
const RCPT = commandOf("RCPT TO:<c@d>") as Rcpt;
const MESSAGE = new TextEncoder().encode("Subject: hello\r\n\r\n.dot\r\n");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const cleanUp: (() => unknown)[] = [];

async function scripted(script: Script = {}, options: Parameters<typeof Scripted.start>[1] = {}): Promise<Scripted> {
  const server = await Scripted.start(script, options);
  cleanUp.push(() => server.close());
  return server;
}

function upstream(hops: NextHop | readonly NextHop[], options: UpstreamOptions = {}): Upstream {
  const made = new Upstream(hops, { hostname: "proxy.example", ...options });
  cleanUp.unshift(() => made.close());
  return made;
}

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});
test.after(() => rmSync(folder, { recursive: true }));

/** One message; the reply to each of its steps. */
async function deliver(to: Upstream, message = MESSAGE): Promise<string[]> {
  const transaction = await to.begin(MAIL);
  const replies = [transaction.reply];
  if (replies.at(-1)!.code < 300) replies.push(await transaction.rcpt(RCPT));
  if (replies.at(-1)!.code < 300) replies.push(await transaction.data());
  if (replies.at(-1)!.code === 354) replies.push(await finish(transaction, message));
  else transaction.abort();
  return replies.map(shown);
}

async function finish(transaction: Transaction, message: Uint8Array): Promise<Reply> {
  const lost = await transaction.body(message);
  return lost ?? (await transaction.end())[0]!;
}

function shown({ code, enhanced, lines }: Reply): string {
  return [code, enhanced, lines.join(" | ")].filter((each) => each !== "").join(" ");
}

const FINE = ["250 2.1.0 Sender fine", "250 2.1.5 Recipient fine", "354 Go on", "250 2.6.0 Queued as 4711"];

test("a transaction: upstream's own replies, dots doubled", async () => {
  const server = await scripted();
  assert.equal(await deliver(upstream(server.address)), FINE);
  assert.equal(server.messages, ["Subject: hello\r\n\r\n..dot\r\n"]);
  assert.is(server.dialogue, "EHLO proxy.example, MAIL FROM:<a@b>, RCPT TO:<c@d>, DATA");
});

test("a trace may keep what it is shown", async () => {
  const server = await scripted();
  const kept: [shown: Uint8Array, then: string][] = [];
  const to = upstream(server.address, { trace: (_target, _from, octets) => kept.push([octets, Buffer.from(octets).toString()]) });
  for (let count = 0; count < 2; count++) assert.equal(await deliver(to), FINE);
  for (const [shown, then] of kept) assert.is(Buffer.from(shown).toString(), then);
});

test("an option that is there and undefined is the default", async () => {
  const server = await scripted();
  const to = upstream(server.address, { keepMs: undefined, beginMs: undefined, limits: { replyMs: undefined } } as unknown as UpstreamOptions);
  for (let count = 0; count < 2; count++) assert.equal(await deliver(to), FINE);
  assert.is(server.heard.length, 1, "it is kept");
});

test("no time at all is waited for ever", async () => {
  const server = await scripted();
  const all = ["replyMs", "dataReplyMs", "messageReplyMs", "quitReplyMs", "rsetReplyMs", "deliveryReplyMs", "dataBlockMs"];
  const limits = Object.fromEntries(all.map((name) => [name, Infinity]));
  const to = upstream(server.address, { keepMs: Infinity, beginMs: Infinity, connectMs: Infinity, limits });
  for (let count = 0; count < 2; count++) assert.equal(await deliver(to), FINE);
  assert.is(server.heard.length, 1);
});

test("a connection is used again, behind RSET", async () => {
  const server = await scripted();
  const to = upstream(server.address);
  for (let count = 0; count < 3; count++) assert.equal(await deliver(to), FINE);
  assert.is(server.heard.length, 1);
  assert.is(server.messages.length, 3);
  assert.match(server.dialogue, /DATA, RSET, MAIL FROM:<a@b>, RCPT TO:<c@d>, DATA, RSET, MAIL/);
});

test("without PIPELINING RSET and MAIL go one after the other", async () => {
  const server = await scripted({ EHLO: "250 upstream.example" });
  const to = upstream(server.address);
  for (let count = 0; count < 2; count++) assert.is((await deliver(to)).at(-1), FINE.at(-1));
});

for (const [what, RSET] of [["closes", "(end)"], ["resets", "(reset)"], ["refuses RSET", "502 5.5.1 What?"], ["says 421", "421 4.3.2 Enough"], ["says half a reply", "250 o(end)"]]) {
  test(`an idle connection that ${what} when it is used again is replaced, and nobody notices`, async () => {
    const server = await scripted({ RSET: RSET! });
    const to = upstream(server.address);
    for (let count = 0; count < 3; count++) assert.equal(await deliver(to), FINE);
    assert.is(server.messages.length, 3);
    assert.is(server.heard.length, 3);
  });
}

test("one that stays silent is given up for a new one", async () => {
  const server = await scripted({ RSET: "(nothing)", MAIL: ["250 2.1.0 Sender fine", "(nothing)", "250 2.1.0 Sender fine"] });
  const to = upstream(server.address, { limits: { rsetReplyMs: 50 } });
  for (let count = 0; count < 2; count++) assert.equal(await deliver(to), FINE);
  assert.is(server.heard.length, 2);
});

test("one that goes while it is idle is forgotten", async () => {
  const server = await scripted();
  const to = upstream(server.address);
  await deliver(to);
  server.sockets[0]!.write("421 4.3.2 Idle for too long\r\n");
  server.sockets[0]!.end();
  await eventually(() => server.sockets[0]!.closed, "it is closed");
  assert.equal(await deliver(to), FINE);
  assert.not.match(server.dialogue, /RSET/);
});

test("as many as asked for are kept, for as long as asked for, and said QUIT to", async () => {
  const server = await scripted();
  const to = upstream(server.address, { keep: 1, keepMs: 60 });
  const both = await Promise.all([to.begin(MAIL), to.begin(MAIL)]);
  for (const transaction of both) transaction.abort();
  await eventually(() => server.heard.filter((lines) => lines.at(-1) === "QUIT").length === 1, "one is let go at once");
  await eventually(() => server.heard.filter((lines) => lines.at(-1) === "QUIT").length === 2, "the other after a while");
});

test("a connection is kept for as many transactions as the server takes in a session (RFC 9422 §4.1)", async () => {
  const server = await scripted({ EHLO: "250-upstream.example\r\n250 LIMITS MAILMAX=2" });
  const to = upstream(server.address);
  for (let nth = 0; nth < 5; nth++) await deliver(to);
  assert.equal(server.heard.map((lines) => lines.filter((line) => line.startsWith("MAIL")).length), [2, 2, 1]);
});

test("keeping none is possible", async () => {
  const server = await scripted();
  const to = upstream(server.address, { keep: 0 });
  await deliver(to);
  await deliver(to);
  assert.is(server.heard.length, 2);
});

test("after MAIL was answered nothing is tried again", async () => {
  const server = await scripted({ RCPT: ["250 2.1.5 Recipient fine", "(end)"] });
  const to = upstream(server.address);
  assert.equal(await deliver(to), FINE);
  assert.equal(await deliver(to), [FINE[0], "451 4.4.2 Upstream: connection closed"]);
  assert.is(server.messages.length, 1);
});

test("a refused recipient, a refused message: the connection is as good as before", async () => {
  const server = await scripted({ "RCPT": ["550-5.1.1 No such\r\n550 5.1.1 user", "250 2.1.5 Recipient fine"], ".": "554 5.6.0 Not that" });
  let heard = "";
  const to = upstream(server.address, { trace: (_, from, octets) => (heard += from === "server" ? Buffer.from(octets).toString() : "") });
  assert.equal(await deliver(to), [FINE[0], "550 5.1.1 No such | user"]);
  await eventually(() => /Reset/.test(heard), "the transaction is reset");
  assert.equal(await deliver(to), [...FINE.slice(0, 3), "554 5.6.0 Not that"]);
  assert.is(server.heard.length, 1);
});

test("that TLS or a login is asked of us is no refusal of the mail", async () => {
  const server = await scripted({ MAIL: "530 5.7.0 Must issue a STARTTLS command first" });
  const log: string[] = [];
  assert.equal(await deliver(upstream(server.address, { log: (line) => log.push(line) })), ["451 4.7.0 Upstream: 530 Must issue a STARTTLS command first"]);
  assert.match(log.join(), /451 Upstream: 530 Must issue a STARTTLS/);
});

test("a refused sender needs no reset", async () => {
  const server = await scripted({ MAIL: "550 5.7.1 Not you" });
  assert.equal(await deliver(upstream(server.address)), ["550 5.7.1 Not you"]);
  assert.is(server.dialogue, "EHLO proxy.example, MAIL FROM:<a@b>");
});

test("a message that is given up never has an end", async () => {
  const server = await scripted();
  const transaction = await upstream(server.address).begin(MAIL);
  await transaction.rcpt(RCPT);
  await transaction.data();
  await transaction.body(new TextEncoder().encode("x\r\n"));
  transaction.abort();
  assert.is(shown((await transaction.end())[0]!), "451 4.3.2 Upstream: no transaction");
  assert.is(shown((await transaction.body(MESSAGE))!), "451 4.3.2 Upstream: no transaction");
  assert.is(shown(await transaction.rcpt(RCPT)), "451 4.3.2 Upstream: no transaction");
  await eventually(() => server.sockets[0]!.destroyed, "the connection is closed");
  assert.equal(server.messages, []);
});

test("given up while a reply is owed: RSET goes behind, and the connection is as good as before", async () => {
  const server = await scripted({ EHLO: "250 upstream.example", RCPT: ["(nothing)", FINE[1]!] });
  let heard = "";
  const to = upstream(server.address, { trace: (_, from, octets) => (heard += from === "server" ? Buffer.from(octets).toString() : "") });
  const transaction = await to.begin(MAIL);
  const answer = transaction.rcpt(RCPT);
  transaction.abort();
  await eventually(() => /RCPT/.test(server.dialogue), "RCPT arrives");
  server.sockets[0]!.write("250 2.1.5 Late\r\n");
  assert.is(shown(await answer), "250 2.1.5 Late");
  await eventually(() => /Reset/.test(heard), "it is reset");
  assert.is((await deliver(to)).at(-1), FINE.at(-1));
  assert.is(server.heard.length, 1);
});

test("given up while DATA is owed its reply: the connection is not kept", async () => {
  const server = await scripted({ DATA: "(nothing)" });
  const transaction = await upstream(server.address).begin(MAIL);
  await transaction.rcpt(RCPT);
  const answer = transaction.data();
  transaction.abort();
  assert.is(shown(await answer), "451 4.4.2 Upstream: connection closed");
});

test("behind the end of the data it cannot be given up", async () => {
  const server = await scripted();
  const transaction = await upstream(server.address).begin(MAIL);
  await transaction.rcpt(RCPT);
  await transaction.data();
  await transaction.body(MESSAGE);
  const ended = transaction.end();
  transaction.abort();
  assert.is(shown((await ended)[0]!), FINE.at(-1));
});

/** What upstream does at a step, and what is heard of it; the same words at all steps. */
const TROUBLES: readonly (readonly [what: string, says: string, heard: RegExp])[] = [
  ["closes", "(end)", /^451 4\.4\.2 Upstream: connection closed$/],
  ["resets", "(reset)", /^451 4\.4\.(?:2 Upstream: connection closed|1 Upstream: cannot connect \(ECONNRESET\))$/],
  ["is silent", "(nothing)", /^451 4\.4\.2 Upstream: no reply in time$/],
  ["says 421", "421 4.3.2 Going down", /^451 4\.3\.2 .*Going down$/],
  ["says half a reply", "250 2.0.0 o(end)", /^451 4\.4\.2 Upstream: connection closed$/],
  ["says a half of a reply of several lines", "250-2.0.0 o\r\n(nothing)", /^451 4\.4\.2 Upstream: no reply in time$/],
  ["says what is no reply", "What do you want?", /^451 4\.5\.0 Upstream: what it says is no reply$/],
  ["sends controls", "250 2.0.0 \x1b[2Jgone", /^451 4\.5\.0 Upstream: what it says is no reply$/],
  ["says a line without end", `250 ${"x".repeat(1_000_000)}(nothing)`, /^451 4\.5\.0 Upstream: a reply without end$/],
  ["says lines without end", `${"250-x\r\n".repeat(100_000)}250 x`, /^451 4\.5\.0 Upstream: a reply without end$/],
  ["says something that makes no sense", "334 VXNlcm5hbWU6", /^451 4\.5\.0 Upstream: a reply that makes no sense$/],
];
const STEPS = ["connect", "EHLO", "MAIL", "RCPT", "DATA", "."];

for (const event of STEPS) {
  for (const [what, says, heard] of TROUBLES) {
    test(`upstream ${what} at ${event === "." ? "the end of the data" : event}: 451 and why; the next transaction is as if nothing had been`, async () => {
      const server = await scripted({ [event]: [says, ...usual(event)] });
      const log: string[] = [];
      const to = upstream(server.address, { limits: { replyMs: 60, dataReplyMs: 60, messageReplyMs: 60 }, log: (line) => log.push(line) });
      const replies = await deliver(to);
      assert.match(replies.at(-1)!, heard);
      assert.is(replies.length, event === "connect" || event === "EHLO" ? 1 : STEPS.indexOf(event) - 1);
      if (replies.length === 1 && event !== "MAIL") assert.match(log.join("\n"), /^upstream 127\.0\.0\.1:\d+: 451 [ -~]+$/);
      assert.equal(await deliver(to), FINE);
    });
  }
}

function usual(event: string): string[] {
  const all: Script = { "connect": "220 upstream.example", "EHLO": "250-upstream.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES", "MAIL": FINE[0]!, "RCPT": FINE[1]!, "DATA": FINE[2]!, ".": FINE[3]! };
  return [all[event] as string];
}

test("a refusal in the middle of the message is its reply; an acceptance there is none", async () => {
  for (const [body, heard] of [["552 5.3.4 That is enough", "552 5.3.4 That is enough"], ["421 4.3.2 Going down", "451 4.3.2 Going down"], ["250 2.0.0 Queued", "451 4.5.0 Upstream: a reply that nobody asked for"]]) {
    const server = await scripted({ body: body! });
    const transaction = await upstream(server.address).begin(MAIL);
    await transaction.rcpt(RCPT);
    await transaction.data();
    let lost: Reply | undefined;
    for (let count = 0; lost === undefined && count < 2000; count++) {
      lost = (await transaction.body(MESSAGE)) ?? undefined;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.is(shown(lost!), heard);
    assert.is(shown((await transaction.end())[0]!), heard);
    assert.equal(server.messages, []);
  }
});

test("half a reply in the middle of the message is no acceptance of it", async () => {
  for (const half of ["2(nothing)", "250 (nothing)", "452-4.3.1 Disk full\r\n(nothing)"]) {
    const server = await scripted({ body: half });
    const transaction = await upstream(server.address).begin(MAIL);
    await transaction.rcpt(RCPT);
    await transaction.data();
    await transaction.body(MESSAGE);
    await eventually(() => server.bodyOctets > 0, "it arrives");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await transaction.end()).map(shown), ["451 4.5.0 Upstream: a reply that nobody asked for"]);
    assert.equal(server.messages, []);
  }
});

test("offers full of spaces are read in one go", async () => {
  const server = await scripted({ EHLO: `250-x\r\n250 SIZE${" ".repeat(16_000)}\xe2\x80\xa8x`, QUIT: "500 5.5.1 No" });
  const to = upstream(server.address);
  assert.is((await to.offers())!.size, 1);
  await to.close();
  await eventually(() => server.sockets[0]!.destroyed, "whatever it says to QUIT, the connection is closed");
});

test("a server that takes the message slowly holds the sender back, and gets it whole", async () => {
  const server = await scripted();
  const transaction = await upstream(server.address).begin(MAIL);
  await transaction.rcpt(RCPT);
  await transaction.data();
  server.sockets[0]!.pause();
  const block = new TextEncoder().encode("0123456789abcde\r\n".repeat(4096));
  let blocks = 0;
  let taken: ReturnType<Transaction["body"]>;
  do {
    taken = transaction.body(block);
    blocks += 1;
  } while (taken === undefined && blocks < 1000);
  assert.ok(taken instanceof Promise, "there is no room left");
  server.sockets[0]!.resume();
  assert.is(await taken, undefined);
  assert.is(shown((await transaction.end())[0]!), FINE.at(-1));
  assert.is(server.messages[0]!.length, blocks * block.length);
});

test("a server that does not take the message holds the sender back, and is given up", async () => {
  const server = await scripted();
  const to = upstream(server.address, { limits: { dataBlockMs: 100 } });
  const transaction = await to.begin(MAIL);
  await transaction.rcpt(RCPT);
  await transaction.data();
  server.sockets[0]!.pause();
  const block = new Uint8Array(65_536).fill(0x78);
  let waited = 0;
  let lost: Reply | undefined;
  for (let count = 0; lost === undefined && count < 1000; count++) {
    const taken = transaction.body(block);
    if (taken instanceof Promise) waited += 1;
    lost = (await taken) ?? undefined;
  }
  assert.is(shown(lost!), "451 4.4.2 Upstream: no reply in time");
  assert.ok(waited > 0);
});

test("next hops are tried in order, and the first that is ready gets it", async () => {
  const [down, refusing, dumb, fine] = [await freePort(), await scripted({ connect: "554 5.3.2 No" }), await scripted({ EHLO: "451 4.3.0 Not now" }), await scripted()];
  const log: string[] = [];
  const to = upstream([["127.0.0.1", down], refusing.address, dumb.address, fine.address], { log: (line) => log.push(line.replace(/:\d+:/, ":")) });
  assert.equal(await deliver(to), FINE);
  assert.equal(log, [
    "upstream 127.0.0.1: 451 Upstream: cannot connect (ECONNREFUSED)",
    "upstream 127.0.0.1: 451 Upstream: 554 5.3.2 No",
    "upstream 127.0.0.1: 451 4.3.0 Not now",
  ]);
  assert.is(refusing.dialogue, "QUIT", "§3.1: after a refusal there is only QUIT to say");
});

test("an address list, a unix socket, an IPv6 address, a name with two addresses", async () => {
  const path: NextHop = `/${join(folder, "upstream.sock").slice(1)}`;
  await scripted({}, { path });
  assert.equal(await deliver(upstream(path)), FINE);
  assert.equal(await deliver(upstream(["/nowhere.sock", path])), FINE);
  const server = await scripted();
  assert.equal(await deliver(upstream(["localhost", server.address[1] as number])), FINE);
  assert.match((await deliver(upstream(["::1", await freePort()]))).join(), /^451 4.4.1 Upstream: cannot connect \(E/);
  assert.equal(await deliver(upstream([])), ["451 4.4.4 Upstream: there is none"]);
  assert.equal(await deliver(upstream(["no-such-host.invalid", 25])), ["451 4.4.4 Upstream: it has no address"]);
});

test("a server that is not reached in time", async () => {
  const server = await scripted({ connect: "(nothing)" });
  assert.equal(await deliver(upstream(server.address, { beginMs: 60 })), ["451 4.4.1 Upstream: not reached in time"]);
  const slow = await scripted({ RSET: "(nothing)", MAIL: [FINE[0]!, "(nothing)"] });
  const to = upstream(slow.address, { beginMs: 100 });
  assert.equal(await deliver(to), FINE);
  assert.equal(await deliver(to), ["451 4.4.1 Upstream: not reached in time"]);
});

test("EHLO refused: HELO, and no parameters that concern one hop", async () => {
  const server = await scripted({ EHLO: "502 What?" });
  const to = upstream(server.address);
  const transaction = await to.begin({ ...MAIL, parameters: { SIZE: 10 } });
  assert.is(shown(transaction.reply), "250 2.1.0 Sender fine");
  transaction.abort();
  assert.is(server.dialogue, "EHLO proxy.example, HELO proxy.example, MAIL FROM:<a@b>");
  assert.equal([...(await to.offers())!], []);
});

test("a parameter that is promised for the whole way is not dropped: 451, until the offers fit again", async () => {
  const server = await scripted({ EHLO: "250 upstream.example" });
  const to = upstream(server.address);
  const transaction = await to.begin({ ...MAIL, parameters: { BODY: "8BITMIME" } });
  assert.is(shown(transaction.reply), "451 4.5.0 Upstream: it does not offer that (MAIL: Parameter not recognized or not implemented)");
  assert.equal(await deliver(to), ["250 2.1.0 Sender fine", "250 2.1.5 Recipient fine", "354 Go on", "250 2.6.0 Queued as 4711"]);
  const second = await to.begin(MAIL);
  assert.is(shown(await second.rcpt({ ...RCPT, parameters: { NOTIFY: "NEVER" } })), "451 4.5.0 Upstream: it does not offer that (RCPT: Parameter not recognized or not implemented)");
  second.abort();
});

test("whatever hangs, the wish for a transaction is answered in time", async () => {
  const server = await scripted({ EHLO: "250-x\r\n250 AUTH XOAUTH2" });
  const to = upstream(server.address, { beginMs: 60, auth: { user: "user", token: () => new Promise<string>(() => {}) } });
  assert.equal(await deliver(to), ["451 4.4.1 Upstream: not reached in time"]);
  const dns: Resolver = { resolveMx: () => new Promise(() => {}) };
  assert.equal(await deliver(upstream("mx:example.org", { beginMs: 60, resolver: dns })), ["451 4.4.1 Upstream: not reached in time"]);
  await eventually(() => server.sockets.every(({ destroyed }) => destroyed), "no connection is left");
});

test("what is said too early is the caller's mistake, and does no harm", async () => {
  const server = await scripted();
  const to = upstream(server.address);
  const transaction = await to.begin(MAIL);
  assert.throws(() => transaction.body(MESSAGE), /no mail data/);
  assert.match(await transaction.end().then(() => "ended", String), /no mail data/);
  transaction.abort();
  assert.equal(await deliver(to), FINE);
});

test("whoever wished for a transaction and has gone leaves no connection behind", async () => {
  const server = await scripted({ MAIL: "(nothing)" });
  const to = upstream(server.address);
  const gone = new AbortController();
  const wish = to.begin(MAIL, gone.signal);
  await eventually(() => /MAIL/.test(server.dialogue), "MAIL arrives");
  gone.abort();
  assert.is(shown((await wish).reply), "451 4.4.1 Upstream: not reached in time");
  await eventually(() => server.sockets[0]!.destroyed, "it is closed");
  assert.is(shown((await to.begin(MAIL, gone.signal)).reply), "451 4.4.1 Upstream: not reached in time");
  assert.is(server.heard.length, 1, "whoever has gone already causes nothing");
});

test("an address that says nothing leaves time for the others", async () => {
  const [silent, fine] = [await scripted({ connect: "(nothing)" }), await scripted()];
  assert.equal(await deliver(upstream([silent.address, fine.address], { introduceMs: 50 })), FINE);
  await eventually(() => silent.sockets[0]!.destroyed, "it is closed");
});

test("once closed, it begins no more", async () => {
  const server = await scripted();
  const to = upstream(server.address);
  await deliver(to);
  await to.close();
  assert.match(server.dialogue, /QUIT$/);
  assert.equal(await deliver(to), ["451 4.4.1 Upstream: not reached in time"]);
  assert.is(await to.offers().then((offers) => offers?.size), 3, "what was known is known");
});

test("offers are asked for once, remembered, and not to be had from one that is down", async () => {
  const server = await scripted();
  const to = upstream(server.address);
  const all = await Promise.all([to.offers(), to.offers(), to.offers()]);
  assert.equal([...all[0]!.keys()], ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]);
  assert.is(all[2], all[0]);
  assert.equal(await deliver(to), FINE);
  assert.is(await to.offers(), all[0]);
  assert.is(server.heard.length, 1, "the connection that was made to ask is used");
  assert.is(await upstream(["127.0.0.1", await freePort()]).offers(), undefined);
});

test("LMTP: LHLO, and a reply for each recipient", async () => {
  const server = await scripted({ ".": "250 2.0.0 Delivered\r\n452 4.2.2 Over quota" });
  const transaction = await upstream(server.address, { lmtp: true }).begin(MAIL);
  await Promise.all([transaction.rcpt(RCPT), transaction.rcpt(RCPT)]);
  await transaction.data();
  await transaction.body(MESSAGE);
  assert.equal((await transaction.end()).map(shown), ["250 2.0.0 Delivered", "452 4.2.2 Over quota"]);
});

test("LMTP: one reply for two recipients does not hang", async () => {
  const server = await scripted({ ".": "451 4.3.0 Error in processing" });
  const transaction = await upstream(server.address, { lmtp: true, limits: { deliveryReplyMs: 50 } }).begin(MAIL);
  await Promise.all([transaction.rcpt(RCPT), transaction.rcpt(RCPT)]);
  await transaction.data();
  await transaction.body(MESSAGE);
  assert.equal((await transaction.end()).map(shown), ["451 4.3.0 Error in processing", "451 4.4.2 Upstream: no reply in time"]);
});

test("LMTP: a server that does not know LHLO is none", async () => {
  const server = await scripted({ LHLO: "500 5.5.1 What?" });
  assert.equal(await deliver(upstream(server.address, { lmtp: true })), ["451 4.4.0 Upstream: 500 5.5.1 What?"]);
});

// MX (§5.1)

function resolver(records: { readonly [domain: string]: readonly (readonly [number, string])[] | string }): Resolver {
  return {
    resolveMx: async (domain) => {
      const found = records[domain] ?? "ENOTFOUND";
      if (typeof found === "string") throw Object.assign(new Error(found), { code: found });
      return found.map(([priority, exchange]) => ({ priority, exchange }));
    },
  };
}

test("mail exchangers in the order of preference, a domain without them itself, a null one refuses for good", async () => {
  const dns = resolver({
    "example.org": [[20, "127.0.0.3"], [10, "127.0.0.1"], [10, "127.0.0.2"]], "implicit.example": "ENODATA", "null.example": [[0, ""]], "broken.example": "ESERVFAIL", "empty.example": [],
    "gone.example": [[10, "no-such-host.invalid"]],
  });
  const found = await targetsOf("mx:example.org", { resolver: dns });
  assert.ok(!("code" in found));
  assert.equal(found.map(({ preference }) => preference), [10, 10, 20]);
  assert.equal(found[2]!.address, ["127.0.0.3", 25]);
  for (const [domain, code, enhanced] of [["null.example", 451, "4.4.4"], ["broken.example", 451, "4.4.3"], ["implicit.example", 451, "4.4.4"], ["unknown.invalid", 451, "4.4.4"], ["empty.example", 451, "4.4.4"], ["gone.example", 451, "4.4.4"]] as const) {
    const none = await targetsOf(`mx:${domain}`, { resolver: dns });
    assert.ok("code" in none);
    assert.equal([none.code, none.enhanced], [code, enhanced], domain);
  }
  assert.equal(await deliver(upstream("mx:null.example", { resolver: dns })), ["451 4.4.4 Upstream: its domain takes no mail (RFC 7505)"]);
});

test("hosts of one preference share the load", async () => {
  const dns = resolver({ "example.org": [[10, "127.0.0.1"], [10, "127.0.0.2"]] });
  const first = new Set<string>();
  for (let count = 0; count < 100 && first.size < 2; count++) {
    const found = await targetsOf("mx:example.org", { resolver: dns });
    if (!("code" in found)) first.add(found[0]!.address[0]!);
  }
  assert.is(first.size, 2);
});

test("none is tried that is as far away as we are", async () => {
  const dns = resolver({ "example.org": [[10, "127.0.0.1"], [20, "127.0.0.2"], [20, "127.0.0.3"], [30, "127.0.0.4"]], "us.example": [[10, "127.0.0.2"]] });
  const isOurs = (address: unknown): boolean => String(address) === "127.0.0.2,25";
  const found = await targetsOf("mx:example.org", { resolver: dns, isOurs });
  assert.ok(!("code" in found));
  assert.equal(found.map(({ address }) => address[0]), ["127.0.0.1"]);
  const none = await targetsOf("mx:us.example", { resolver: dns, isOurs });
  assert.is("code" in none && shown(none), "451 4.4.6 Upstream: it is this server itself");
});

// TLS (RFC 3207, RFC 8314) and AUTH (RFC 4954)

const noOpenssl = have("openssl", "version") ? undefined : "openssl is not here";
const ours = noOpenssl === undefined ? makeCertificate(folder, "localhost") : { key: "", cert: "" };
const theirs = noOpenssl === undefined ? makeCertificate(folder, "evil.example", ["DNS:evil.example", "DNS:other.example"]) : { key: "", cert: "" };
const OFFERING_TLS: Script = { EHLO: "250-upstream.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN" };

function testTls(name: string, body: () => Promise<void>): void {
  testIf(noOpenssl, test, name, body);
}

testTls("STARTTLS, verified: the hello is said again, and what was offered before counts no more", async () => {
  const server = await scripted(OFFERING_TLS, { certificate: ours });
  const to = upstream(["localhost", server.address[1] as number], { starttls: "if-offered", tls: { ca: ours.cert } });
  assert.equal(await deliver(to), FINE);
  assert.equal(await deliver(to), FINE);
  assert.is(server.dialogue.replace(/, RSET.*/, ""), "EHLO proxy.example, STARTTLS, (handshake), EHLO proxy.example, MAIL FROM:<a@b>, RCPT TO:<c@d>, DATA");
});

testTls("an address instead of a name is verified as well", async () => {
  const server = await scripted(OFFERING_TLS, { certificate: ours });
  assert.equal(await deliver(upstream(server.address, { starttls: "required", tls: { ca: ours.cert } })), FINE);
});

testTls("implicit TLS", async () => {
  const server = await scripted({}, { certificate: ours, implicitTls: true });
  assert.equal(await deliver(upstream(["localhost", server.address[1] as number], { implicitTls: true, tls: { ca: ours.cert } })), FINE);
  assert.equal(await deliver(upstream(server.address, { implicitTls: true, tls: { verify: false } })), FINE);
  assert.equal(await deliver(upstream(server.address, { implicitTls: true })), ["451 4.7.5 Upstream: no TLS (DEPTH_ZERO_SELF_SIGNED_CERT)"]);
  assert.equal(await deliver(upstream(["127.0.0.1", await freePort()], { implicitTls: true })), ["451 4.4.1 Upstream: cannot connect (ECONNREFUSED)"]);
});

for (const starttls of ["if-offered", "required"] as const) {
  testTls(`a certificate that does not match, with "${starttls}": 451, and no mail`, async () => {
    const server = await scripted(OFFERING_TLS, { certificate: theirs });
    const to = (ca: string): Upstream => upstream(["localhost", server.address[1] as number], { starttls, tls: { ca } });
    assert.equal(await deliver(to(theirs.cert)), ["451 4.7.5 Upstream: no TLS (ERR_TLS_CERT_ALTNAME_INVALID)"]);
    assert.equal(await deliver(to(ours.cert)), ["451 4.7.5 Upstream: no TLS (DEPTH_ZERO_SELF_SIGNED_CERT)"]);
    assert.equal(server.messages, []);
  });
}

testTls("a certificate that is not asked for", async () => {
  const server = await scripted(OFFERING_TLS, { certificate: theirs });
  assert.equal(await deliver(upstream(server.address, { starttls: "required", tls: { verify: false } })), FINE);
});

test("required, and not offered or refused: 451, and no mail", async () => {
  const without = await scripted();
  assert.equal(await deliver(upstream(without.address, { starttls: "required" })), ["451 4.7.4 Upstream: TLS is required, and not offered"]);
  const refusing = await scripted({ ...OFFERING_TLS, STARTTLS: "454 4.7.0 Not now" });
  assert.equal(await deliver(upstream(refusing.address, { starttls: "required" })), ["454 4.7.0 Not now"]);
  assert.equal(await deliver(upstream(refusing.address, { starttls: "if-offered" })), FINE);
  const old = await scripted({ EHLO: "502 What?" });
  assert.match((await deliver(upstream(old.address, { starttls: "required" })))[0]!, /^451 /, "HELO would be a way around it");
});

test("on the same host TLS is not asked for unless it is wanted", async () => {
  const server = await scripted(OFFERING_TLS);
  assert.equal(await deliver(upstream(server.address)), FINE);
  assert.not.match(server.dialogue, /STARTTLS/);
});

test("what stands behind the answer to STARTTLS is not taken for what was said in secret", async () => {
  const server = await scripted({ ...OFFERING_TLS, STARTTLS: "220 2.0.0 Go ahead\r\n250 injected\r\n(nothing)" }, { certificate: ours });
  assert.equal(await deliver(upstream(server.address, { starttls: "required", tls: { verify: false } })), ["451 4.7.0 Upstream: octets between STARTTLS and the handshake"]);
});

test("a handshake that does not happen", async () => {
  const server = await scripted({ ...OFFERING_TLS, STARTTLS: "220 2.0.0 Go ahead\r\n(end)" });
  assert.match((await deliver(upstream(server.address, { starttls: "required", connectMs: 200 })))[0]!, /^451 4\.(?:7\.5|4\.1|4\.2|7\.0) /);
});

const AUTH = { user: "user", password: "pässword" };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

for (const [mechanism, script, said] of [
  ["PLAIN", { AUTH: "235 2.7.0 Welcome" }, [`AUTH PLAIN ${base64("\0user\0pässword")}`]],
  ["LOGIN", { AUTH: "334 VXNlcm5hbWU6", [base64("user").toUpperCase()]: "334 UGFzc3dvcmQ6", [base64("pässword").toUpperCase()]: "235 2.7.0 Welcome" }, ["AUTH LOGIN", base64("user"), base64("pässword")]],
] as const) {
  test(`AUTH ${mechanism}, to this host`, async () => {
    const server = await scripted({ EHLO: `250-upstream.example\r\n250 AUTH X ${mechanism}`, ...(script as Script) });
    assert.is((await deliver(upstream(server.address, { auth: AUTH })))[0], "250 2.1.0 Sender fine");
    assert.equal(server.heard[0]!.slice(1, 1 + said.length), [...said]);
  });
}

test("AUTH CRAM-MD5: the example of RFC 2195 §2", async () => {
  const answer = base64("tim b913a602c7eda7a495b4e6e7334d3890");
  const server = await scripted({ EHLO: "250-x\r\n250 AUTH CRAM-MD5", AUTH: `334 ${base64("<1896.697170952@postoffice.reston.mci.net>")}`, [answer.toUpperCase()]: "235 Welcome" });
  assert.is((await deliver(upstream(server.address, { auth: { user: "tim", password: "tanstaaftanstaaf" } })))[0], "250 2.1.0 Sender fine");
});

test("AUTH XOAUTH2, with a token that is asked for each time; the refusal comes behind an empty answer", async () => {
  const tokens = ["good", "bad"];
  const server = await scripted({ "EHLO": "250-x\r\n250 AUTH XOAUTH2", "AUTH": ["235 Welcome", "334 eyJzdGF0dXMiOiI0MDEifQ=="], "": "535 5.7.8 No" });
  const to = upstream(server.address, { keep: 0, auth: { user: "user", token: async () => tokens.shift()! } });
  assert.is((await deliver(to))[0], "250 2.1.0 Sender fine");
  assert.is(server.heard[0]![1], `AUTH XOAUTH2 ${base64("user=user\x01auth=Bearer good\x01\x01")}`);
  assert.equal(await deliver(to), ["451 4.7.8 Upstream: we could not log in"]);
});

test("a token that makes the line of AUTH too long goes behind an empty challenge (RFC 4954 §4)", async () => {
  const bearer = base64(`user=user\x01auth=Bearer ${"t".repeat(1500)}\x01\x01`);
  const server = await scripted({ EHLO: "250-x\r\n250 AUTH XOAUTH2", AUTH: "334 ", [bearer.toUpperCase()]: "235 Welcome" });
  assert.is((await deliver(upstream(server.address, { auth: { user: "user", token: "t".repeat(1500) } })))[0], "250 2.1.0 Sender fine");
  assert.equal(server.heard[0]!.slice(1, 3), ["AUTH XOAUTH2", bearer]);
});

test("a challenge that is no base64 is cancelled (RFC 4954 §4)", async () => {
  const server = await scripted({ "EHLO": "250-x\r\n250 AUTH CRAM-MD5", "AUTH": "334 !!!=", "*": "501 5.5.2 Cancelled" });
  assert.equal(await deliver(upstream(server.address, { auth: AUTH })), ["451 4.7.8 Upstream: we could not log in"]);
  await eventually(() => /AUTH CRAM-MD5, \*, QUIT$/.test(server.dialogue), "it leaves");
});

test("a name that is no domain is not what we call ourselves", async () => {
  const server = await scripted();
  await deliver(upstream(server.address, { hostname: "my_host" }));
  assert.match(server.dialogue, /^EHLO \[127\.0\.0\.1\]/);
});

test("LMTP on the port of SMTP is a mistake (RFC 2033 §5)", () => {
  for (const hop of [["127.0.0.1", 25], "mx:example.org"] as const) assert.throws(() => new Upstream(hop, { lmtp: true }), /port 25/);
});

test("credentials that are refused, or cannot be had, or have no mechanism, or go on and on", async () => {
  const heard = async (script: Script, auth: Credentials): Promise<string> => (await deliver(upstream((await scripted(script)).address, { auth })))[0]!;
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "535 5.7.8 Not user/pässword" }, AUTH), "451 4.7.8 Upstream: we could not log in");
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "(end)" }, AUTH), "451 4.7.8 Upstream: we could not log in");
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "421 4.7.0 user said pässword" }, AUTH), "451 4.7.8 Upstream: we could not log in");
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "334 " }, AUTH), "451 4.7.8 Upstream: we could not log in");
  assert.is(await heard({ "EHLO": "250-x\r\n250 AUTH LOGIN", "AUTH": "334 ", [base64("user").toUpperCase()]: "334 ", [base64("pässword").toUpperCase()]: "334 " }, AUTH), "451 4.7.8 Upstream: we could not log in");
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH GSSAPI" }, AUTH), "451 4.7.0 Upstream: no mechanism of AUTH that may be used here");
  assert.is(await heard({}, AUTH), "451 4.7.0 Upstream: no mechanism of AUTH that may be used here");
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH XOAUTH2" }, { user: "user", token: () => Promise.reject(new Error("expired")) }), "451 4.7.0 Upstream: there is no password or token");
  assert.match(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "334 " }, { user: "user", password: "x".repeat(20_000) }), /^451 4.3.5 .*too long/);
  assert.is(await heard({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "235 2.7.0 Welcome" }, { user: "", password: "" }), "250 2.1.0 Sender fine");
});

test("a log that throws does no harm", async () => {
  const server = await scripted({ MAIL: ["530 5.7.0 Authentication required", FINE[0]!] });
  const to = upstream([["127.0.0.1", await freePort()], server.address], { log: () => { throw new Error("no"); } });
  assert.equal(await deliver(to), ["451 4.7.0 Upstream: 530 Authentication required"]);
  assert.equal(await deliver(to), FINE);
  assert.is(server.heard.length, 1);
});

test("what is no port is a mistake", () => {
  for (const port of [0, -1, 70_000, NaN, 2.5]) assert.throws(() => new Upstream(["127.0.0.1", port]), /port/);
});

test("a trace that throws does no harm", async () => {
  const server = await scripted();
  assert.equal(await deliver(upstream(server.address, { trace: () => { throw new Error("no"); } })), FINE);
});

test("credentials are not in the trace", async () => {
  const server = await scripted({ EHLO: "250-x\r\n250 AUTH PLAIN", AUTH: "235 Welcome" });
  let seen = "";
  await deliver(upstream(server.address, { auth: AUTH, trace: (_, from, octets) => (seen += `${from}: ${Buffer.from(octets).toString()}`) }));
  assert.match(seen, /client: EHLO proxy\.example\r\n.*client: \(credentials\)\r\nserver: \(reply to credentials\)\r\nclient: MAIL/s);
  assert.not.match(seen, /AUTH PLAIN |pässword/);
  assert.ok(!seen.includes(base64("\0user\0pässword")));
});

testTls("over TLS a password may be shown, in the clear it may not", async () => {
  const script: Script = { EHLO: ["250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN", "250-x\r\n250 AUTH PLAIN"], AUTH: "235 Welcome" };
  const server = await scripted(script, { certificate: ours });
  assert.is((await deliver(upstream(server.address, { starttls: "required", tls: { ca: ours.cert }, auth: AUTH })))[0], "250 2.1.0 Sender fine");
  assert.match(server.dialogue, /\(handshake\), EHLO proxy.example, AUTH PLAIN/);
});

test.run();
