// MailmanProxy between real sockets: who hears what, who gets what, and that nothing is said that is not true of all.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CannotTell, MailmanProxy, type Address, type Directory, type Listed, type MailmanProxyOptions, type Peer } from "../../dist/index.js";
import { Upstream } from "../../dist/transport/index.js";
import type { Mail, Rcpt } from "../../dist/protocol/index.js";
import { Client, eventually, freePort } from "../client.js";
import { commandOf } from "../client-transcript.js";
import { Scripted, type Script } from "../scripted.js";

const test = suite("MailmanProxy");
const cleanUp: (() => unknown)[] = [];

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

const LISTS = ["ant@lists.test", "bee@lists.test", "cow@lists.test"];
/** As Mailman is: no enhanced codes, no PIPELINING; a refusal of a message comes once for all its recipients. */
const MAILMAN: Script = {
  "connect": "220 localhost GNU Mailman LMTP runner 2.0", "LHLO": "250-localhost\r\n250-SIZE 33554432\r\n250-8BITMIME\r\n250 HELP",
  "MAIL": "250 OK", "RCPT": "250 Ok", "DATA": "354 End data with <CR><LF>.<CR><LF>", ".": "250 Ok", "RSET": "250 OK",
};
const DEFECTS = "501 Message has defects";

interface Scene { readonly client: Client; readonly mailman: Scripted; readonly upstream: Scripted; readonly log: string[]; readonly address: Address; readonly proxy: MailmanProxy }

type Made = new (...args: ConstructorParameters<typeof MailmanProxy>) => MailmanProxy;

interface SceneOptions extends MailmanProxyOptions {
  /** What the two say that is not as usual. */
  readonly atMailman?: Script;
  readonly atUpstream?: Script;
  readonly Proxy?: Made;
}

async function scene({ atMailman = {}, atUpstream = {}, Proxy = MailmanProxy, ...options }: SceneOptions = {}): Promise<Scene> {
  const mailman = await Scripted.start({ ...MAILMAN, ...atMailman }, { lmtp: true });
  const upstream = await Scripted.start(atUpstream);
  const log: string[] = [];
  const proxy = new Proxy(["127.0.0.1", 0], upstream.address, { hostname: "proxy.example", directory: LISTS, mailman: mailman.address, log: (line: string) => log.push(line), graceMs: 100, ...options });
  const address = (await proxy.listening)[0]!;
  const client = await Client.connect(address);
  cleanUp.push(() => client.end(), () => proxy.close(), () => mailman.close(), () => upstream.close());
  return { client, mailman, upstream, log, address, proxy };
}

/** MAIL and a RCPT for each; the replies to those. */
async function envelope(client: Client, ...recipients: string[]): Promise<string[]> {
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b.example>");
  const replies = [];
  for (const each of recipients) replies.push((await client.say(`RCPT TO:<${each}>`)).trimEnd());
  return replies;
}

/** A message; the reply to its end. */
async function send(client: Client, content = "Subject: hello\r\nFrom: a@b.example\r\nDate: now\r\nMessage-ID: <1@b>\r\n\r\nHi."): Promise<string> {
  assert.match(await client.say("DATA"), /^354/);
  return (await client.say(`${content}\r\n.`)).trimEnd();
}

const RECEIVED = /^Received: from .*\r\n(?:\t.*\r\n)*/;

// Who gets what

test("a list: Mailman gets it, upstream hears nothing; the replies are Mailman's", async () => {
  const { client, mailman, upstream } = await scene({ atUpstream: { EHLO: "250 upstream.example" } });
  assert.equal(await envelope(client, "ant@lists.test"), ["250 Ok"]);
  assert.is(await send(client), "250 Ok");
  assert.is(mailman.dialogue, "LHLO proxy.example, MAIL FROM:<a@b.example>, RCPT TO:<ant@lists.test>, DATA");
  assert.match(mailman.messages[0]!, RECEIVED);
  assert.is(upstream.messages.length, 0);
  assert.not.match(upstream.dialogue, /MAIL|RCPT/);
});

test("a person: upstream gets it, Mailman hears nothing", async () => {
  const { client, mailman, upstream } = await scene();
  assert.equal(await envelope(client, "bob@lists.test", "ann@elsewhere.test"), ["250 2.1.5 Recipient fine", "250 2.1.5 Recipient fine"]);
  assert.is(await send(client), "250 2.6.0 Queued as 4711");
  assert.is(upstream.messages.length, 1);
  assert.equal(mailman.heard, []);
});

test("upstream is told who the client is, by the PROXY protocol; Mailman is not", async () => {
  const { client, mailman, upstream } = await scene({ atUpstream: { PROXY: "(nothing)" }, upstream: { proxyProtocol: 1 } });
  assert.equal(await envelope(client, "ant@lists.test", "zoe@people.test"), ["250 2.0.0 Ok", "250 2.1.5 Recipient fine"]);
  assert.match(upstream.dialogue, new RegExp(`^PROXY UNKNOWN, EHLO .* \\| PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 ${client.socket.localPort} \\d+, EHLO .*, MAIL FROM`));
  assert.match(mailman.dialogue, /^LHLO/);
});

test("both, and two lists: a session for each list, one message for the people, none knows of the others", async () => {
  const { client, mailman, upstream } = await scene();
  await envelope(client, "ant@lists.test", "bob@x.test", "bee-owner@lists.test", "ann@x.test");
  assert.is(await send(client), "250 2.6.0 Queued as 4711");
  assert.match(upstream.dialogue, /MAIL FROM:<a@b\.example>, RCPT TO:<bob@x\.test>, RCPT TO:<ann@x\.test>, DATA$/);
  assert.equal(mailman.heard.map((lines) => lines.filter((line) => /^RCPT|^DATA/.test(line))), [["RCPT TO:<ant@lists.test>", "DATA"], ["RCPT TO:<bee-owner@lists.test>", "DATA"]]);
  assert.equal([mailman.messages.length, upstream.messages.length], [2, 1]);
});

test("a pipelined group, and the next message on the same connections", async () => {
  const { client, mailman, upstream } = await scene();
  await client.say("EHLO client.example");
  for (let times = 1; times <= 3; times++) {
    client.send("MAIL FROM:<a@b>\r\nRCPT TO:<ant@lists.test>\r\nRCPT TO:<bob@x.test>\r\nRCPT TO:<bee@lists.test>\r\nDATA\r\n");
    await client.until(/354.*\r\n/);
    assert.match(await client.say(`number ${times}`, "."), /^250/);
    assert.equal([mailman.messages.length, upstream.messages.length], [2 * times, times]);
  }
  assert.equal([mailman.heard.length, upstream.heard.length], [2, 1]);
});

test("what Mailman says of a recipient is its answer; a recipient refused is no reason for others", async () => {
  const { client, mailman } = await scene({ atMailman: { RCPT: ["550 Requested action not taken: mailbox unavailable", "451 Later", "250 Ok"] } });
  assert.equal(await envelope(client, "ant@lists.test", "bee@lists.test", "cow@lists.test"), ["550 5.0.0 Requested action not taken: mailbox unavailable", "451 4.0.0 Later", "250 2.0.0 Ok"]);
  assert.match(await send(client), /^250/);
  assert.is(mailman.messages.length, 1);
});

test("the same list under several names is one delivery, with one answer; asked again after a refusal, it is tried again", async () => {
  const { client, mailman } = await scene({ atMailman: { RCPT: ["451 Later", "250 Ok"] } });
  assert.equal(await envelope(client, "ant@lists.test", "ant@lists.test", "ANT+x@lists.test", '"ant"@lists.test'), ["451 4.0.0 Later", "250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok"]);
  assert.match(await send(client), /^250/);
  assert.is(mailman.messages.length, 1);
});

test("bounces of two members are two deliveries", async () => {
  const { client, mailman } = await scene();
  await envelope(client, "Ant-Bounces+Bob=b.test@lists.test", "ant-bounces+ann=b.test@lists.test");
  assert.match(await send(client), /^250/);
  assert.equal(mailman.messages.map((message) => message.split("\r\n")[0]).sort(), ["Delivered-To: ant-bounces+Bob=b.test@lists.test", "Delivered-To: ant-bounces+ann=b.test@lists.test"]);
});

test("more lists than may be fed at a time: 452, and the session goes on", async () => {
  const lists = Array.from({ length: 25 }, (_, nth) => `list${nth}@lists.test`);
  const { client, mailman } = await scene({ directory: lists });
  const replies = await envelope(client, ...lists);
  assert.equal(replies.slice(20), Array(5).fill("452 4.5.3 Too many lists"));
  assert.match(await send(client), /^250/);
  assert.is(mailman.messages.length, 20);
});

test("more sessions than Mailman is asked for at a time, over all clients: 451", async () => {
  const lists = Array.from({ length: 20 }, (_, nth) => `list${nth}@lists.test`);
  const { address, client } = await scene({ directory: lists });
  const others = await Promise.all(Array.from({ length: 5 }, () => Client.connect(address)));
  for (const other of others) await envelope(other, ...lists);
  assert.equal(await envelope(client, lists[0]!), ["451 4.3.2 Mailman: too many connections"]);
  others[0]!.end();
  await eventually(() => others[0]!.socket.destroyed, "it is gone");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(await client.say(`RCPT TO:<${lists[0]}>`), /^250/);
  for (const other of others) other.end();
});

test("who asks for lists and sends nothing gives them up", async () => {
  const { client, mailman } = await scene({ envelopeMs: 50 });
  assert.equal(await envelope(client, "ant@lists.test", "bee@lists.test"), ["250 2.0.0 Ok", "250 2.0.0 Ok"]);
  await eventually(() => mailman.heard.every((lines) => lines.at(-1) === "RSET"), "they are reset");
  assert.is(await client.say("DATA"), "451 4.4.2 The message did not come in time\r\n");
  assert.is(await client.say("RCPT TO:<cow@lists.test>"), "451 4.4.2 The message did not come in time\r\n");
  await client.say("RSET");
  assert.equal(await envelope(client, "ant@lists.test"), ["250 2.0.0 Ok"]);
  assert.match(await send(client), /^250/);
});

test("a client that leaves behind the end of its message takes nothing back", async () => {
  const { client, mailman, upstream } = await scene({ atUpstream: { ".": "(nothing)" } });
  await envelope(client, "ant@lists.test", "bob@x.test");
  await client.say("DATA");
  client.send("Subject: x\r\n\r\n.\r\nQUIT\r\n");
  await eventually(() => upstream.messages.length === 1, "upstream has it");
  client.end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  upstream.sockets.at(-1)!.write("250 2.0.0 Fine\r\n");
  await eventually(() => mailman.messages.length === 1, "the list has it, too");
});

test("parameters that Mailman does not know are left out, others pass", async () => {
  const { client, mailman } = await scene({ atUpstream: { EHLO: "250-upstream.example\r\n250-8BITMIME\r\n250-SIZE\r\n250 SMTPUTF8" } });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8 SIZE=77");
  assert.match(await client.say("RCPT TO:<ant@lists.test>"), /^250/);
  assert.match(mailman.dialogue, /MAIL FROM:<a@b\.example> SIZE=77 BODY=8BITMIME, RCPT/);
});

test("an address that is not ASCII is refused for a list, and passes to a person", async () => {
  const { client, mailman } = await scene({ atUpstream: { EHLO: "250-upstream.example\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8" } });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<jürgen@b.example> SMTPUTF8");
  assert.is(await client.say("RCPT TO:<ant@lists.test>"), "550 5.6.7 A list takes no non-ASCII address, as its recipient or from its sender\r\n");
  assert.match(await client.say("RCPT TO:<bob@x.test>"), /^250/);
  await client.say("RSET");
  await client.say("MAIL FROM:<a@b.example> SMTPUTF8");
  assert.match(await client.say("RCPT TO:<ant+ü@lists.test>"), /^550 5\.6\.7/);
  assert.equal(mailman.heard, []);
});

test("the null sender", async () => {
  const { client, mailman } = await scene();
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<>");
  await client.say("RCPT TO:<ant-bounces@lists.test>");
  assert.match(await send(client, "Subject: failed\r\n\r\nGone."), /^250/);
  assert.match(mailman.dialogue, /MAIL FROM:<>, RCPT/);
  assert.not.match(mailman.messages[0]!, /^From:/m);
  assert.match(mailman.messages[0]!, /^Date: .*\r\nMessage-ID: <.*@proxy\.example>\r\n\r\nGone\./m);
});

// What is added

test("what is missing of the header is put at its end, the same for all lists; the body is as it was, and people's mail has none of it", async () => {
  const { client, mailman, upstream } = await scene();
  await envelope(client, "ant@lists.test", "bob@x.test", "bee@lists.test");
  await send(client, "Subject: hello\r\n\r\nFrom: the body\r\n\r\n..dot\r\n");
  const own = /^Subject: hello\r\nFrom: a@b\.example\r\nDate: \w{3}, .* [+-]\d{4}\r\nMessage-ID: <[-0-9a-f]{36}@proxy\.example>\r\n\r\nFrom: the body\r\n\r\n\.\.dot\r\n\r\n$/;
  const [ant, bee] = mailman.messages.map((message) => message.replace(RECEIVED, ""));
  assert.match(ant!, own);
  assert.is(ant, bee);
  assert.is(upstream.messages[0]!.replace(RECEIVED, ""), "Subject: hello\r\n\r\nFrom: the body\r\n\r\n..dot\r\n\r\n");
});

test("X-Peer, and too many hops: as with PureProxy, for lists too", async () => {
  const { client, mailman } = await scene({ xPeer: true });
  await envelope(client, "ant@lists.test");
  await send(client);
  assert.match(mailman.messages[0]!, /^X-Peer: 127\.0\.0\.1\r\nSubject: hello/m);
  await envelope(client, "ant@lists.test");
  assert.is(await send(client, "Received: x\r\n".repeat(101)), "554 5.4.6 Too many hops");
  await envelope(client, "ant@lists.test");
  assert.is(await send(client, "Subject: x\r\n\r\n\0"), "554 5.6.0 Mail data holds a NUL");
  assert.is(mailman.messages.length, 1);
});

test("upstream is told where people's mail came from, Mailman is not", async () => {
  const xforward = { EHLO: "250-upstream.test\r\n250 XFORWARD ADDR SOURCE", LHLO: "250-localhost\r\n250 XFORWARD ADDR SOURCE", XFORWARD: "250 Ok" };
  const { client, mailman, upstream } = await scene({ atUpstream: xforward, atMailman: xforward, upstream: { xforward: true } });
  await envelope(client, "ant@lists.test", "bob@x.test");
  assert.match(await send(client), /^250/);
  assert.match(upstream.dialogue, /XFORWARD ADDR=127\.0\.0\.1, XFORWARD SOURCE=LOCAL, MAIL FROM/);
  assert.not.match(mailman.dialogue, /XFORWARD/);
});

// All or nothing, and the worst reply

const TOGETHER = ["ant@lists.test", "bob@x.test", "bee@lists.test"];

test("upstream refuses the message: nothing ends at Mailman, and the reply is upstream's", async () => {
  const { client, mailman, upstream } = await scene({ atUpstream: { ".": "554 5.7.1 Spam" } });
  await envelope(client, ...TOGETHER);
  assert.is(await send(client), "554 5.7.1 Spam");
  assert.equal([mailman.messages.length, upstream.messages.length], [0, 1]);
  assert.ok(mailman.bodyOctets > 0, "they were fed side by side");
  await envelope(client, "ant@lists.test");
  assert.match(await send(client), /^250/);
});

test("one list refuses, once for all of the transaction: the reply names it, promptly", async () => {
  const { client, mailman, upstream } = await scene({ atMailman: { ".": ["250 Ok", DEFECTS] } });
  await envelope(client, ...TOGETHER);
  assert.match(await send(client), /^501 5\.0\.0 (?:ant|bee)@lists\.test: Message has defects$/);
  assert.equal([mailman.messages.length, upstream.messages.length], [2, 1]);
});

for (const refusal of [DEFECTS, "500 Line too long (see RFC5321 4.5.3.1.6)", "552 Error: Too much mail data"]) {
  test(`both lists refuse, each with a single ${refusal.slice(0, 3)}`, async () => {
    const { client } = await scene({ atMailman: { ".": refusal } });
    await envelope(client, "ant@lists.test", "bee@lists.test");
    client.send("DATA\r\n");
    await client.until(/354.*\r\n/);
    client.send("Subject: x\r\n\r\n.\r\n");
    const [code, text] = [refusal.slice(0, 3), refusal.slice(4).replaceAll(/[().]/g, "\\$&")];
    await client.until(new RegExp(`${code}-5\\.0\\.0 ant@lists\\.test: ${text}\r\n${code} 5\\.0\\.0 bee@lists\\.test: ${text}\r\n`));
    assert.match(await client.say("NOOP"), /^250/);
  });
}

test("who counts on a reply for each recipient waits for one that never comes", async () => {
  const { mailman } = await scene({ atMailman: { ".": DEFECTS } });
  const naive = new Upstream(mailman.address, { lmtp: true, limits: { deliveryReplyMs: 100 } });
  cleanUp.unshift(() => naive.close());
  const transaction = await naive.begin(commandOf("MAIL FROM:<a@b>") as Mail);
  for (const list of ["ant", "bee"]) await transaction.rcpt(commandOf(`RCPT TO:<${list}@lists.test>`) as Rcpt);
  await transaction.data();
  await transaction.body(Buffer.from("x\r\n"));
  assert.equal((await transaction.end()).map(({ code, lines }) => `${code} ${lines[0]}`), [DEFECTS, "451 Upstream: no reply in time"]);
});

test("a permanent refusal is worse than one for now, whoever gives it", async () => {
  const { client } = await scene({ atMailman: { ".": ["451 Later", "550 Never"] } });
  await envelope(client, "ant@lists.test", "bee@lists.test", "bob@x.test");
  client.send("DATA\r\n");
  await client.until(/354.*\r\n/);
  client.send("Subject: x\r\n\r\n.\r\n");
  assert.match(await client.until(/^550 .*\r\n/m), /^550-5\.0\.0 (?:ant|bee)@lists\.test: (?:Later|Never)\r\n550 5\.0\.0 (?:ant|bee)@lists\.test: (?:Later|Never)\r\n$/);
});

test("a connection lost at the end: 451, and it is said whose", async () => {
  const { client, upstream, log } = await scene({ atMailman: { ".": "(reset)" } });
  await envelope(client, "ant@lists.test", "bob@x.test");
  assert.is(await send(client), "451 4.4.2 ant@lists.test: Mailman: connection closed");
  assert.is(upstream.messages.length, 1);
  assert.equal(log, []);
});

for (const [what, script] of Object.entries({ refuses: "451 Not now", closes: "(end)", resets: "(reset)" })) {
  test(`Mailman ${what} at DATA: nothing is delivered, and upstream's transaction ends without a message`, async () => {
    const { client, mailman, upstream } = await scene({ atMailman: { DATA: ["354 Go on", script] } });
    await envelope(client, ...TOGETHER);
    assert.match(await client.say("DATA"), /^451 4\.\d\.\d (?:ant|bee)@lists\.test: /);
    assert.match(await client.say("DATA"), /^451 4\.\d\.\d (?:ant|bee)@lists\.test: /);
    assert.match(await client.say("RCPT TO:<cow@lists.test>"), /^451/);
    assert.match(await client.say("RSET"), /^250/);
    assert.equal([mailman.messages.length, upstream.messages.length], [0, 0]);
  });

  test(`Mailman ${what} in the midst of the data: nothing is delivered anywhere`, async () => {
    const { client, mailman, upstream } = await scene({ atMailman: { body: ["(nothing)", script] } });
    await envelope(client, ...TOGETHER);
    await client.say("DATA");
    for (let times = 0; times < 5; times++) {
      client.send("more\r\n");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.match(await client.say("."), /^451 4\.\d\.\d (?:ant|bee)@lists\.test: /);
    assert.equal([mailman.messages.length, upstream.messages.length], [0, 0]);
    assert.match(await client.say("NOOP"), /^250/);
  });
}

test("Mailman lost while upstream thinks about its reply: upstream has it, the client hears 451 for the list", async () => {
  const { client, mailman, upstream } = await scene({ atUpstream: { ".": "(nothing)" } });
  await envelope(client, "ant@lists.test", "bob@x.test");
  await client.say("DATA");
  client.send("Subject: x\r\n\r\n.\r\n");
  await eventually(() => upstream.messages.length === 1, "upstream has it");
  mailman.sockets[0]!.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  upstream.sockets.at(-1)!.write("250 2.0.0 Fine\r\n");
  assert.is(await client.until(/^\d.*\r\n/m), "451 4.4.2 ant@lists.test: Mailman: connection closed\r\n");
});

test("a client that leaves at any step causes no message anywhere", async () => {
  const { address, mailman, upstream } = await scene();
  const steps = ["EHLO c\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<ant@lists.test>\r\n", "RCPT TO:<bob@x.test>\r\n", "DATA\r\n", "Subject: x\r\n", "\r\n", "body\r\n", "."];
  for (let upTo = 1; upTo <= steps.length; upTo++) {
    for (const leave of ["end", "reset"] as const) {
      const client = await Client.connect(address);
      for (const step of steps.slice(0, upTo)) {
        client.send(step);
        if (/^[A-Z]+ |^DATA/.test(step) && !step.startsWith("Subject")) await client.until(/^\d{3} .*\r\n/m);
      }
      client[leave]();
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal([mailman.messages, upstream.messages], [[], []]);
});

test("a client that leaves while Mailman is being reached leaves nothing behind", async () => {
  const { client, mailman } = await scene({ atMailman: { connect: "(nothing)" } });
  await client.say("EHLO c");
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<ant@lists.test>\r\nRCPT TO:<bee@lists.test>\r\n");
  await eventually(() => mailman.sockets.length === 2, "it is asked");
  client.end();
  await eventually(() => mailman.sockets.every((socket) => socket.destroyed || socket.readableEnded), "the connections are closed");
});

test("the slowest holds the client back", async () => {
  const { client, mailman } = await scene();
  await envelope(client, "ant@lists.test", "bob@x.test");
  await client.say("DATA");
  mailman.sockets[0]!.pause();
  for (let count = 0; count < 64; count++) client.send(Buffer.alloc(1_000_000, "0123456789abcd\r\n"));
  await eventually(() => client.socket.bytesWritten > 100_000, "it begins");
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(client.socket.writableLength > 20_000_000, `${client.socket.writableLength} octets are still the client's`);
  client.end();
});

test("one stands still, the other breaks: the break is told at once", async () => {
  const { client, mailman, upstream } = await scene();
  await envelope(client, "ant@lists.test", "bob@x.test");
  await client.say("DATA");
  mailman.sockets[0]!.pause();
  for (let count = 0; count < 30; count++) client.send(Buffer.alloc(1_000_000, "0123456789abcd\r\n"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  upstream.sockets.at(-1)!.resetAndDestroy();
  assert.match(await client.say("."), /^451 4\.4\.2 Upstream: connection closed/);
});

test("a line or a message that Mailman does not take is refused before anybody has it", async () => {
  const { client, mailman, upstream } = await scene({ atMailman: { LHLO: "250-localhost\r\n250 SIZE 5000" } });
  const line = async (content: string): Promise<string> => {
    await envelope(client, "ant@lists.test", "bob@x.test");
    return send(client, content);
  };
  assert.match(await line(`Subject: x\r\n\r\n${"x".repeat(999)}`), /^250/);
  assert.is(await line(`Subject: x\r\n\r\n${"x".repeat(1000)}`), "554 5.6.0 Mailman takes no line of more than 999 octets");
  assert.is(await line(`Subject: x\r\n\r\n..${"x".repeat(998)}`), "554 5.6.0 Mailman takes no line of more than 999 octets");
  assert.is(await line(`Subject: x\r\n\r\n${"..\r\n".repeat(1000)}`), "552 5.3.4 Message size exceeds fixed maximum message size", "the dots count");
  assert.is(await line("Subject: x\r\n\r\n" + "0123456789\r\n".repeat(500)), "552 5.3.4 Message size exceeds fixed maximum message size");
  assert.equal([mailman.messages.length, upstream.messages.length], [1, 1]);
});

// Trouble

test("Mailman down: 451 at RCPT, and people's mail goes on", async () => {
  const port = await freePort();
  const { client, upstream, log } = await scene({ mailman: ["127.0.0.1", port] });
  assert.equal(await envelope(client, "ant@lists.test", "bob@x.test"), ["451 4.4.1 Mailman: cannot connect (ECONNREFUSED)", "250 2.1.5 Recipient fine"]);
  assert.match(await send(client), /^250/);
  assert.is(upstream.messages.length, 1);
  assert.equal(log, [`smtpd: Mailman at 127.0.0.1:${port}: 451 cannot connect (ECONNREFUSED)`]);
});

test("upstream down: 451 at RCPT, and lists get their mail", async () => {
  const mailman = await Scripted.start(MAILMAN);
  const port = await freePort();
  const proxy = new MailmanProxy(["127.0.0.1", 0], ["127.0.0.1", port], { directory: LISTS, mailman: mailman.address, log: () => {}, graceMs: 0 });
  const client = await Client.connect((await proxy.listening)[0]!);
  cleanUp.push(() => client.end(), () => proxy.close(), () => mailman.close());
  assert.equal(await envelope(client, "bob@x.test", "ann@x.test", "ant@lists.test"), [
    "451 4.4.1 Upstream: cannot connect (ECONNREFUSED)", "451 4.4.1 Upstream: cannot connect (ECONNREFUSED)", "250 2.0.0 Ok",
  ]);
  assert.match(await send(client), /^250/);
});

test("a sender that upstream refuses is told at RCPT, with a code that means that there", async () => {
  const { client } = await scene({ atUpstream: { MAIL: "552 5.3.4 Too big" } });
  assert.equal(await envelope(client, "bob@x.test", "ant@lists.test"), ["554 5.3.4 Too big", "250 2.0.0 Ok"]);
  assert.match(await send(client), /^250/);
});

test("a sender that Mailman refuses", async () => {
  const { client } = await scene({ atMailman: { MAIL: "552 Error: message size exceeds fixed maximum message size" } });
  assert.equal(await envelope(client, "ant@lists.test"), ["554 5.0.0 Error: message size exceeds fixed maximum message size"]);
});

test("an error within Mailman is one for now, and none of its words are told", async () => {
  const { client } = await scene({ atMailman: { RCPT: ["500 Error: (OperationalError) (sqlite3.OperationalError) database is locked", "500 Error: (OperationalError) one\n[SQL: two"] } });
  assert.equal(await envelope(client, "ant@lists.test", "bee@lists.test"), ["451 4.3.0 Mailman: an error of its own", "451 4.5.0 Mailman: what it says is no reply"]);
});

const CANNOT_TELL: { readonly [what: string]: Directory["lookup"] } = {
  throws: () => {
    throw new CannotTell("the map is gone");
  },
  rejects: () => Promise.reject(new CannotTell("the map is gone")),
};

for (const [what, directory] of Object.entries(CANNOT_TELL)) {
  test(`a directory that ${what}: 451, never "relay", and the operator is told once`, async () => {
    const { client, upstream, mailman, log } = await scene({ directory });
    assert.equal(await envelope(client, "ant@lists.test", "bob@x.test"), Array(2).fill("451 4.3.0 It cannot be told now whether this is a list"));
    assert.match(await client.say("DATA"), /^503/);
    assert.not.match(upstream.dialogue, /MAIL|RCPT/);
    assert.equal(mailman.heard, []);
    assert.equal(log, ["smtpd: a recipient was deferred, as it cannot be told whether it is a list: the map is gone"]);
  });
}

const EVERYBODY: Listed = { list: "everybody@lists.test", subAddress: "", recipient: { sourceRoute: [], localPart: "everybody", domain: "lists.test" } };

test("look-ups that take their time, each its own: recipients are asked for in their order", async () => {
  const lookup: Directory["lookup"] = ({ localPart }) => new Promise((resolve) => setTimeout(resolve, 40 - Number(localPart.slice(1)) * 10, undefined));
  const { client, upstream } = await scene({ directory: lookup });
  await client.say("EHLO c");
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<p0@x.test>\r\nRCPT TO:<p1@x.test>\r\nRCPT TO:<p2@x.test>\r\nRCPT TO:<p3@x.test>\r\nDATA\r\n");
  await client.until(/354.*\r\n/);
  assert.match(upstream.dialogue, /<p0@x\.test>, RCPT TO:<p1@x\.test>, RCPT TO:<p2@x\.test>, RCPT TO:<p3@x\.test>, DATA$/);
});

test("a directory of one's own", async () => {
  const { client, mailman } = await scene({ directory: { lookup: async ({ localPart }) => (localPart === "all" ? EVERYBODY : undefined) } });
  await envelope(client, "all@x.test");
  assert.match(await send(client), /^250/);
  assert.match(mailman.dialogue, /RCPT TO:<everybody@lists\.test>/);
});

test("a look-up that gives null, and one that throws where the kinds are kept apart, spoil nothing for others", async () => {
  const lookup = ({ localPart }: { readonly localPart: string }): null | Listed => {
    if (localPart === "odd") throw new TypeError("odd");
    return localPart === "ant" ? { list: "ant@lists.test", subAddress: "" } : null;
  };
  for (const mixed of ["together", "defer"] as const) {
    const { client } = await scene({ mixed, directory: lookup as Directory["lookup"] });
    assert.equal((await envelope(client, "odd@x.test", "bob@x.test", "bob@x.test")).map((line) => line.slice(0, 3)), ["451", "250", "250"], mixed);
  }
});

test("a way upstream that rejects ends nothing", async () => {
  const resolver = { resolveMx: () => Promise.resolve(undefined as never) };
  const mailman = await Scripted.start(MAILMAN);
  const proxy = new MailmanProxy(["127.0.0.1", 0], "mx:nowhere.invalid", { directory: LISTS, mailman: mailman.address, upstream: { resolver }, log: () => {}, graceMs: 0 });
  const client = await Client.connect((await proxy.listening)[0]!);
  cleanUp.push(() => client.end(), () => proxy.close(), () => mailman.close());
  assert.match((await envelope(client, "bob@x.test"))[0]!, /^451/);
  assert.match(await client.say("RSET"), /^250/);
});

test("names of lists that are none, before anything listens", async () => {
  const port = await freePort();
  for (const directory of [["ant"], [7]]) assert.throws(() => new MailmanProxy(["127.0.0.1", port], ["127.0.0.1", 9], { directory: directory as string[], mailman: ["127.0.0.1", 24] }), /is no list: it has no domain/);
  assert.ok(await freePortAgain(port));
});

test("classic: whatever the domain, Mailman is told the list's own", async () => {
  const { client, mailman } = await scene({ classic: true });
  await envelope(client, "Ant-Admin@wherever.example");
  assert.match(await send(client), /^250/);
  assert.match(mailman.dialogue, /RCPT TO:<ant-owner@lists\.test>/);
});

// Lists and people apart

const OTHER_KIND = "452 4.5.3 Send lists and people in messages of their own";

test("deferred: the kind that is accepted first has the message", async () => {
  const { client, mailman, upstream } = await scene({ mixed: "defer", atMailman: { RCPT: ["550 No", "250 Ok"] } });
  assert.equal(await envelope(client, "ant@lists.test", "bob@x.test", "bee@lists.test"), ["550 5.0.0 No", "250 2.1.5 Recipient fine", OTHER_KIND]);
  assert.match(await send(client), /^250/);
  assert.equal(await envelope(client, "bee@lists.test", "bob@x.test", "cow@lists.test"), ["250 2.0.0 Ok", OTHER_KIND, "250 2.0.0 Ok"]);
  assert.match(await send(client), /^250/);
  assert.equal([mailman.messages.length, upstream.messages.length], [2, 1]);
});

test("deferred: in a pipelined group, too", async () => {
  const { client } = await scene({ mixed: "defer" });
  await client.say("EHLO c");
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<ant@lists.test>\r\nRCPT TO:<bob@x.test>\r\nRCPT TO:<bee@lists.test>\r\nDATA\r\n");
  assert.is(await client.until(/354.*\r\n/), `250 2.1.0 Sender OK\r\n250 2.0.0 Ok\r\n${OTHER_KIND}\r\n250 2.0.0 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n`);
});

// Who may

class FromElsewhere extends MailmanProxy {
  override session(peer: Peer): ReturnType<MailmanProxy["session"]> {
    return super.session({ ...peer, address: "192.0.2.1" });
  }
}

test("a stranger may send to lists, and nowhere else", async () => {
  const { client, upstream } = await scene({ Proxy: FromElsewhere });
  assert.equal(await envelope(client, "bob@x.test", "ant@lists.test", "bob@lists.test"), ["550 5.7.1 Relaying denied", "250 2.0.0 Ok", "550 5.7.1 Relaying denied"]);
  assert.match(await client.say("RCPT TO:<bob@x.test>"), /^550/);
  assert.match(await send(client), /^250/);
  assert.not.match(upstream.dialogue, /MAIL/);
  await client.say("MAIL FROM:<a@b>");
  assert.match(await client.say("RCPT TO:<Postmaster>"), /^250/, "§4.5.1");
});

test("a stranger may send home, too", async () => {
  const { client } = await scene({ Proxy: FromElsewhere, relayDomains: ["x.test"] });
  assert.equal(await envelope(client, "bob@x.test", "bob@y.test"), ["250 2.1.5 Recipient fine", "550 5.7.1 Relaying denied"]);
});

test("it is not its own Mailman, nor is port 25", async () => {
  const port = await freePort();
  const itself = new MailmanProxy(["127.0.0.1", port], ["127.0.0.1", 9], { directory: LISTS, mailman: ["127.0.0.1", port], log: () => {} });
  assert.is(await itself.listening.then(() => "listens", String), "Error: the next hop is this server itself");
  assert.throws(() => new MailmanProxy(["127.0.0.1", port], ["127.0.0.1", 9], { directory: LISTS, mailman: ["127.0.0.1", 25] }), /LMTP is not spoken on port 25/);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(await freePortAgain(port), true, "nothing listens");
});

async function freePortAgain(port: number): Promise<boolean> {
  return Client.connectOnly(["127.0.0.1", port]).then((client) => (client.end(), false), () => true);
}

test("without Mailman's configuration it does not start", () => {
  assert.throws(() => new MailmanProxy(["127.0.0.1", 0], ["127.0.0.1", 25], { mailmanCfg: "/nowhere/mailman.cfg" }), /^.*\/nowhere\/mailman\.cfg: it cannot be read \(ENOENT\)/);
});

test.run();
