// PureProxy between real sockets: what the client hears is what upstream says, and nothing is said for it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Address, type MessageOptions, type NextHop, type Peer, type PureProxyOptions } from "../../dist/index.js";
import { BINARYMIME, CHUNKING, deliverBy, LINE_ENDINGS, MT_PRIORITY } from "../../dist/protocol/index.js";
import { Fields } from "../../dist/servers/fields.js";
import { dateTime, forwardedFrom, receivedLine } from "../../dist/servers/received.js";
import { Relaying } from "../../dist/servers/relaying.js";
import { authentication, reaches } from "../../dist/transport/index.js";
import { Client, eventually, freePort } from "../client.js";
import { commandOf } from "../client-transcript.js";
import { Scripted, type Script } from "../scripted.js";
import type { Mail, Rcpt } from "../../dist/protocol/index.js";
import { splits } from "../splits.js";

const test = suite("PureProxy");
const cleanUp: (() => unknown)[] = [];

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

async function scripted(script: Script = {}): Promise<Scripted> {
  const server = await Scripted.start(script);
  cleanUp.push(() => server.close());
  return server;
}

interface Proxied { readonly proxy: PureProxy; readonly address: Address; readonly log: string[] }

async function proxied(remote: NextHop, options: PureProxyOptions = {}): Promise<Proxied> {
  const log: string[] = [];
  const proxy = new PureProxy(["127.0.0.1", 0], remote, { hostname: "proxy.example", log: (line) => log.push(line), graceMs: 100, ...options });
  cleanUp.unshift(() => proxy.close());
  return { proxy, address: (await proxy.listening)[0]!, log };
}

async function through(script: Script = {}, options: PureProxyOptions = {}): Promise<Proxied & { server: Scripted; client: Client }> {
  const server = await scripted(script);
  const made = await proxied(server.address, options);
  const client = await Client.connect(made.address);
  cleanUp.unshift(() => client.end());
  return { ...made, server, client };
}

/** Without the Received lines that were put in front. */
function withoutTrace(message: string): string {
  return message.replace(/^Received: from .*\r\n(?:\t.*\r\n)*/, "");
}

test("upstream's own replies, and its own offers, as far as both can do it", async () => {
  const { client, server } = await through({ EHLO: "250-upstream.example\r\n250-SIZE 5000\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8" }, { dataSizeLimit: 9000 });
  assert.is(await client.say("EHLO client.example"), "250-proxy.example\r\n250-PIPELINING\r\n250-SIZE 5000\r\n250-ENHANCEDSTATUSCODES\r\n250-HELP\r\n250 DSN\r\n");
  assert.is(await client.say("MAIL FROM:<a@b> SIZE=5001"), "552 5.3.4 Message size exceeds fixed maximum message size\r\n");
  assert.is(await client.say("MAIL FROM:<a@b> SIZE=100"), "250 2.1.0 Sender fine\r\n");
  assert.is(await client.say("RCPT TO:<c@d>"), "250 2.1.5 Recipient fine\r\n");
  assert.is(await client.say("DATA"), "354 Go on\r\n");
  assert.is(await client.say("Subject: hello", "", "..dot", "."), "250 2.6.0 Queued as 4711\r\n");
  assert.equal(server.messages.map(withoutTrace), ["Subject: hello\r\n\r\n..dot\r\n"]);
  assert.match(server.dialogue, /MAIL FROM:<a@b> SIZE=100, RCPT TO:<c@d>, DATA$/);
});

test("parameters are passed on", async () => {
  const { client, server } = await through({ EHLO: "250-upstream.example\r\n250-SIZE 5000\r\n250-8BITMIME\r\n250 SMTPUTF8" });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<jürgen@b> BODY=8BITMIME SMTPUTF8 SIZE=77");
  await client.say("RCPT TO:<δοκιμή@παράδειγμα>");
  await eventually(() => server.heard[0]!.some((line) => line.startsWith("RCPT")), "it is passed on");
  const line = Buffer.from(server.heard[0]!.find((each) => each.startsWith("MAIL"))!, "latin1").toString();
  assert.is(line, "MAIL FROM:<jürgen@b> BODY=8BITMIME SMTPUTF8 SIZE=77");
});

test("what it lets pass it passes on as the grammar has it, but for what an address is", async () => {
  const { client, server } = await through({ EHLO: "250 upstream.example" }, { leniencies: ["smtpd"] });
  await client.say("EHLO my_laptop");
  assert.match(await client.say("MAIL FROM: <root>"), /^250/);
  assert.match(await client.say("RCPT TO: ann..b@my_host.example"), /^250/);
  assert.equal(server.heard.flat().filter((line) => /^(MAIL|RCPT)/.test(line)), ["MAIL FROM:<root>", "RCPT TO:<ann..b@my_host.example>"]);
});

test("what is passed on as it came is known at both ends, and offered as far as upstream does, in its words", async () => {
  const { client, server } = await through({ EHLO: "250-upstream.example\r\n250-DSN\r\n250-MT-PRIORITY\r\n250 DELIVERBY 240" });
  assert.match(await client.say("EHLO client.example"), /250-HELP\r\n250-DELIVERBY 240\r\n250 DSN\r\n$/);
  assert.is(await client.say("MAIL FROM:<a@b> BY=239;R"), "555 With R, BY is 240 seconds at the least\r\n");
  assert.match(await client.say("MAIL FROM:<a@b> BY=240;R ENVID=q+2Br"), /^250/);
  assert.match(await client.say("RCPT TO:<c@d> RRVS=2014-04-03T23:01:00Z"), /^555/);
  assert.match(await client.say("RCPT TO:<c@d> NOTIFY=SUCCESS ORCPT=rfc822;C@d"), /^250/);
  assert.match(server.dialogue, /MAIL FROM:<a@b> BY=240;R ENVID=q\+2Br, RCPT TO:<c@d> NOTIFY=SUCCESS ORCPT=rfc822;C@d$/);
});

test("further extensions are given to the proxy; one of its own goes before that which is passed on", async () => {
  const { client } = await through({ EHLO: "250-upstream.example\r\n250-DSN\r\n250-MT-PRIORITY\r\n250 DELIVERBY 240" }, { extensions: [MT_PRIORITY, deliverBy(600)] });
  assert.match(await client.say("EHLO client.example"), /250-DSN\r\n250-MT-PRIORITY\r\n250 DELIVERBY 600\r\n$/);
});

/** What upstream hears of MAIL, when a client says these lines to a proxy that lets it log in. */
async function senders(lines: readonly string[], script: Script, upstream: PureProxyOptions["upstream"]): Promise<string[]> {
  const mechanism = authentication({ verify: () => true }, { inClear: ["PLAIN"] });
  const { client, server } = await through({ AUTH: "235 2.7.0 Welcome", ...script }, { authentication: mechanism, upstream: { keep: 0, ...upstream } });
  await client.say("EHLO client.example");
  for (const line of lines) assert.match(await client.say(line), /^2/, line);
  return server.heard.flat().filter((line) => line.startsWith("MAIL"));
}

test("AUTH= goes on from a client that has logged in; who knows us hears of the others that nobody knows (RFC 4954 §5)", async () => {
  const mails = ["MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", "RSET", "MAIL FROM:<a@b>", "RSET"];
  const lines = [...mails, "AUTH PLAIN AHRpbQB4", ...mails];
  const offering = { EHLO: "250-upstream.example\r\n250 AUTH PLAIN" };
  const auth = { user: "proxy", password: "x" };
  assert.equal(await senders(lines, offering, { auth }), ["MAIL FROM:<a@b> AUTH=<>", "MAIL FROM:<a@b> AUTH=<>", "MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", "MAIL FROM:<a@b> AUTH=<>"]);
  assert.equal(await senders(lines, offering, {}), ["MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "MAIL FROM:<a@b> AUTH=e+3Dmc2@example.com", "MAIL FROM:<a@b>"]);
  assert.equal(await senders(lines, { EHLO: "250 upstream.example" }, {}), Array(4).fill("MAIL FROM:<a@b>"));
});

test("HELO: no enhanced codes where upstream has none, no parameters, SMTP in the Received line", async () => {
  const { client, server } = await through({ EHLO: "502 What?", MAIL: "250 Fine", RCPT: "550-Not\r\n550 here" });
  assert.is(await client.say("HELO client.example"), "250 proxy.example\r\n");
  assert.is(await client.say("MAIL FROM:<a@b>"), "250 Fine\r\n");
  assert.is(await client.say("RCPT TO:<c@d>"), "550-Not\r\n550 here\r\n");
  server.script = { ...server.script, RCPT: "250 Fine" };
  await client.say("RCPT TO:<c@d>");
  await client.say("DATA");
  await client.say("x", ".");
  assert.match(server.messages[0]!, /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby proxy\.example with SMTP;\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\nx\r\n$/);
});

test("recipients that upstream refuses are refused, whatever it does with the others", async () => {
  const { client, server } = await through({ RCPT: ["250 2.1.5 Fine", "550 5.1.1 No such user", "450 4.2.1 Later", "571 5.7.1 Blocked"] });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b>");
  client.send("RCPT TO:<a@d>\r\nRCPT TO:<b@d>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n");
  assert.is(await client.until(/354.*\r\n/), "250 2.1.5 Fine\r\n550 5.1.1 No such user\r\n450 4.2.1 Later\r\n550 5.7.1 Blocked\r\n354 Go on\r\n");
  assert.is(await client.say("x", "."), "250 2.6.0 Queued as 4711\r\n");
  assert.is(server.messages.length, 1);
});

test("what comes in chunks goes on with DATA, dots doubled; octets that are no lines are not taken", async () => {
  const { client, server } = await through({ EHLO: "250-upstream.example\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 ENHANCEDSTATUSCODES" }, { extensions: [CHUNKING, BINARYMIME] });
  const offered = await client.say("EHLO client.example");
  assert.match(offered, /CHUNKING/);
  assert.not.match(offered, /BINARYMIME/);
  assert.match(await client.say("MAIL FROM:<a@b> BODY=BINARYMIME"), /^501/);
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 14\r\nSubject: x\r\n\r\nBDAT 9 LAST\r\n.dot\r\nend");
  await client.until(/Queued as 4711\r\n/);
  assert.equal(server.messages.map(withoutTrace), ["Subject: x\r\n\r\n..dot\r\nend\r\n"]);
  assert.match(server.dialogue, /RCPT TO:<c@d>, DATA$/);
  assert.is(await client.say("NOOP"), "250 2.0.0 OK\r\n");
});

test("a pipelined group goes on as groups", async () => {
  const { client, server } = await through();
  client.send("EHLO client.example\r\n");
  await client.until(/250 .*\r\n/);
  client.send("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n");
  await client.until(/354.*\r\n/);
  client.send("one\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
  await client.until(/354.*\r\n/);
  await client.say("two", ".");
  assert.equal(server.messages.map(withoutTrace), ["one\r\n", "two\r\n"]);
});

test("Received in front, and X-Peer where it is asked for", async () => {
  const { client, server } = await through({}, { xPeer: true });
  await client.deliver("Subject: hello\r\n\r\nHi.");
  assert.match(server.messages[0]!, /^Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby proxy\.example with ESMTP;\r\n\t.*\r\nX-Peer: 127\.0\.0\.1\r\nSubject: hello\r\n\r\nHi\.\r\n$/);
});

test("a priority is told in the Received line (RFC 6710 §4.1)", async () => {
  const { client, server } = await through({ EHLO: "250-upstream.example\r\n250 MT-PRIORITY" }, { extensions: [MT_PRIORITY] });
  await client.say("EHLO client.example");
  for (const line of ["MAIL FROM:<a@b> MT-PRIORITY=-3", "RCPT TO:<c@d>", "DATA", "x\r\n."]) await client.say(line);
  assert.match(server.messages[0]!, /^Received: .*\r\n\tby proxy\.example with ESMTP PRIORITY -3;\r\n/);
});

test("an empty message has its Received line, too", async () => {
  const { client, server } = await through();
  await client.upToData();
  await client.say(".");
  assert.match(server.messages[0]!, /^Received: .* [+-]\d{4}\r\n$/s);
});

test("a date-time is made once a second, and for no other", () => {
  const [before, second] = [dateTime(new Date(-500)), dateTime(new Date(500))];
  assert.is.not(before, second);
  assert.is(dateTime(new Date(999)), second);
  assert.is.not(dateTime(new Date(1_000)), second);
});

test("what the client called itself gets into the Received line only as a name or a literal", () => {
  const mail = commandOf("MAIL FROM:<a@b>") as Mail;
  const line = (domain: string, address: string, type: "EHLO" | "HELO" = "EHLO", command = mail): string =>
    receivedLine({ address, port: 1, localAddress: address, localPort: 2 }, { hello: { type, domain }, mail: command }, "mx.example", new Date(0)).replace(/\r\n\t/g, " ").trimEnd();
  const zone = process.env["TZ"];
  for (const [name, time] of [["UTC", "Thu, 01 Jan 1970 00:00:00 +0000"], ["Asia/Kolkata", "Thu, 01 Jan 1970 05:30:00 +0530"], ["America/Caracas", "Wed, 31 Dec 1969 20:00:00 -0400"]] as const) {
    process.env["TZ"] = name;
    assert.is(line("a.example", "192.0.2.1"), `Received: from a.example ([192.0.2.1]) by mx.example with ESMTP; ${time}`);
  }
  process.env["TZ"] = zone ?? "";
  assert.match(line("[192.0.2.9]", "2001:db8::1"), /^Received: from \[192\.0\.2\.9\] \(\[IPv6:2001:db8::1\]\) by/);
  assert.match(line("..", "192.0.2.1"), /^Received: from \[192\.0\.2\.1\] \(/);
  assert.match(line("x(;by", "fe80::1%eth0"), /^Received: from \[IPv6:fe80::1\] \(\[IPv6:fe80::1\]\) by/);
  assert.match(line("a.example", "local", "HELO"), /^Received: from a\.example by mx\.example with SMTP;/);
  assert.match(line("(x)", "local"), /^Received: from localhost by/);
  assert.match(line("a", "192.0.2.1", "EHLO", commandOf("MAIL FROM:<a@b> SMTPUTF8") as Mail), /with UTF8SMTP;/);
});

test("Received lines are counted in the header alone, however the message is cut (RFC 5321 §6.3)", () => {
  const octets = new TextEncoder().encode("Received: a\r\n\tfolded\r\nreceived: b\r\nReceived\x1a x\r\nXReceived: x\r\nReceived x\r\nRECEIVED:c\r\n Received: x\r\n\r\nReceived: x\r\n");
  for (const segments of splits(octets)) {
    const fields = new Fields("received");
    for (const segment of segments) fields.pass(segment);
    assert.is(fields.count("received"), 3);
  }
});

test("a hundred hops are enough", async () => {
  const { client, server } = await through();
  assert.match(await client.deliver(`${"Received: x\r\n".repeat(100)}\r\nbody`), /^250/);
  assert.is(await client.deliver(`${"Received: x\r\n".repeat(101)}\r\nbody`), "554 5.4.6 Too many hops\r\n");
  assert.match(await client.deliver("\r\nthe session goes on"), /^250/);
  assert.is(server.messages.length, 2);
});

// Nothing acknowledged that was not handed on

test("upstream down: a useful EHLO, 451 at MAIL; once it is up, mail", async () => {
  const port = await freePort();
  const { address, log } = await proxied(["127.0.0.1", port]);
  const client = await Client.connect(address);
  cleanUp.unshift(() => client.end());
  assert.match(await client.say("EHLO client.example"), /250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-HELP\r\n250-SMTPUTF8\r\n250-DELIVERBY\r\n/);
  assert.is(await client.say("MAIL FROM:<a@b> BODY=8BITMIME"), "451 4.4.1 Upstream: cannot connect (ECONNREFUSED)\r\n");
  assert.is(await client.say("RCPT TO:<c@d>"), "503 5.5.1 Bad sequence of commands: send MAIL first\r\n");
  assert.match(log.join("\n"), /upstream 127\.0\.0\.1:\d+: 451 Upstream: cannot connect \(ECONNREFUSED\)/);
  const server = await Scripted.start({}, { port });
  cleanUp.push(() => server.close());
  assert.match(await client.deliver("x"), /^250 2\.6\.0/);
});

/** Where upstream fails, how, and what the client hears: upstream's own words, or 451 and why. */
const TROUBLES: readonly (readonly [event: string, says: string, heard: string])[] = [
  ...["MAIL", "RCPT", "DATA", "."].flatMap((event) => [
    [event, "(end)", "451 4.4.2 Upstream: connection closed"],
    [event, "(reset)", "451 4.4.2 Upstream: connection closed"],
    [event, "(nothing)", "451 4.4.2 Upstream: no reply in time"],
    [event, "421 4.3.2 Going down", "451 4.3.2 Going down"],
    [event, "250-2.0.0 half(end)", "451 4.4.2 Upstream: connection closed"],
    [event, "\x1b]0;owned\x07", "451 4.5.0 Upstream: what it says is no reply"],
    [event, `250 ${"x".repeat(1_000_000)}(nothing)`, "451 4.5.0 Upstream: a reply without end"],
    [event, "550 5.7.1 Not that", "550 5.7.1 Not that"],
    [event, "450-4.7.1 Not\r\n450 4.7.1 now", "450-4.7.1 Not\r\n450 4.7.1 now"],
  ] as const),
  ["DATA", "250 2.0.0 Queued", "451 4.5.0 Upstream: a reply that makes no sense"],
  ["MAIL", "354 Go on", "451 4.5.0 Upstream: a reply that makes no sense"],
  [".", "354 Go on", "451 4.5.0 Upstream: a reply that makes no sense"],
];

for (const [event, says, heard] of TROUBLES) {
  test(`${JSON.stringify(says.slice(0, 20))} at ${event}: "${heard.slice(0, 30)}", and the next transaction is as if nothing had been`, async () => {
    const usual = { "MAIL": "250 2.1.0 Sender fine", "RCPT": "250 2.1.5 Recipient fine", "DATA": "354 Go on", ".": "250 2.6.0 Queued as 4711" }[event]!;
    const upstream = { keep: 0, limits: { replyMs: 60, dataReplyMs: 60, messageReplyMs: 60 } }; // one that was used before would be replaced
    const { client, server } = await through({ [event]: [says, usual] }, { upstream });
    await client.say("EHLO client.example");
    const replies: string[] = [];
    for (const lines of [["MAIL FROM:<a@b>"], ["RCPT TO:<c@d>"], ["DATA"], ["Subject: x", "", "x", "."]]) {
      replies.push(await client.say(...lines));
      if (/^[45]/.test(replies.at(-1)!)) break;
    }
    assert.is(replies.at(-1), `${heard}\r\n`);
    assert.is(replies.length, ["MAIL", "RCPT", "DATA", "."].indexOf(event) + 1);
    await client.say("RSET");
    const stored = server.messages.length;
    assert.match(await client.deliver("Subject: y\r\n\r\ny"), /^250 2\.6\.0 Queued as 4711/);
    assert.equal(server.messages.slice(stored).map(withoutTrace), ["Subject: y\r\n\r\ny\r\n"]);
  });
}

test("behind a trouble the rest of the transaction is refused as well", async () => {
  const { client } = await through({ RCPT: "(end)" });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b>");
  client.send("RCPT TO:<a@d>\r\nRCPT TO:<b@d>\r\nDATA\r\n");
  assert.match(await client.until(/503.*\r\n/), /^451 4\.4\.2 .*\r\n451 4\.4\.2 .*\r\n503 5\.5\.1 .*\r\n$/);
});

test("upstream goes in the middle of the message: it is read to its end, and 451", async () => {
  const { client, server } = await through();
  await client.upToData();
  client.send("one\r\n");
  await eventually(() => server.bodyOctets > 0, "it arrives");
  server.sockets.at(-1)!.resetAndDestroy();
  client.send(`${"two\r\n".repeat(1000)}QUIT\r\n`);
  assert.is(await client.say("."), "451 4.4.2 Upstream: connection closed\r\n");
  assert.equal(server.messages, []);
  assert.match(await client.deliver("again"), /^250/);
});

test("upstream says half a reply in the middle of the message: 451, whatever it may have meant", async () => {
  for (const half of ["2(nothing)", "452-4.3.1 Disk full\r\n(nothing)"]) {
    const { client, server } = await through({ body: [half, "(nothing)"] });
    await client.upToData();
    client.send("one\r\n");
    await eventually(() => server.bodyOctets > 0, "it arrives");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(await client.say("two", "."), /^451 4\.5\.0 /);
    assert.equal(server.messages, []);
  }
});

test("upstream refuses in the middle of the message: its own words", async () => {
  const { client, server } = await through({ body: ["552 5.3.4 That is enough", "(nothing)"] });
  await client.upToData();
  client.send("one\r\n");
  await eventually(() => server.sockets.at(-1)!.destroyed, "it is given up");
  assert.is(await client.say("two", "."), "552 5.3.4 That is enough\r\n");
});

for (const [how, leave] of [["resets", (client: Client) => client.reset()], ["closes", (client: Client) => client.end()], ["closes its half", (client: Client) => client.socket.end()]] as const) {
  test(`a client that ${how} in the middle of the message never causes an end of data`, async () => {
    const { client, server } = await through();
    await client.upToData();
    client.send("one\r\n.");
    await eventually(() => server.bodyOctets > 0, "it arrives");
    leave(client);
    await eventually(() => server.sockets.at(-1)!.destroyed, "upstream's connection is closed");
    assert.equal(server.messages, []);
  });
}

test("a client that leaves while its sender is being asked for leaves no connection behind", async () => {
  const { client, server } = await through({ MAIL: "(nothing)" });
  await client.say("EHLO client.example");
  client.send("MAIL FROM:<a@b>\r\n");
  await eventually(() => server.heard[0]?.at(-1) === "MAIL FROM:<a@b>", "MAIL arrives");
  client.reset();
  await eventually(() => server.sockets[0]!.destroyed, "it is closed");
});

test("RSET, EHLO and QUIT in a transaction end it upstream, too", async () => {
  for (const command of ["RSET", "EHLO client.example", "QUIT"]) {
    const { client, server } = await through();
    await client.say("EHLO client.example");
    await client.say("MAIL FROM:<a@b>");
    await client.say("RCPT TO:<c@d>");
    await client.say(command);
    await eventually(() => server.heard[0]!.at(-1) === "RSET", command);
  }
});

test("a message that is too big, or has a bare LF, is upstream's no more than ours", async () => {
  const { client, server } = await through({}, { dataSizeLimit: 100 });
  assert.match(await client.deliver("x".repeat(200)), /^552 5\.3\.4/);
  assert.match(await client.deliver("a\nb"), /^550 5\.6\.0/);
  assert.match(await client.deliver("a\0b"), /^554 5\.6\.0 Mail data holds a NUL/);
  assert.match(await client.deliver("fine"), /^250/);
  assert.equal(server.messages.map(withoutTrace), ["fine\r\n"]);
});

// What ends a message, and what does not

const ENDS = [
  "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\n.\r", "\r.\n", "\n\n.\n\n",
  "\0\r\n.\0\r\n", "\r\n\0.\r\n", "\r\0\n.\r\0\n", "\r\n.\0\n", "\r\n.\r\0\n", "\r\n..\r\n", "\r\n. \r\n", "\r\n.\t\r\n", "\r\n\x0b.\r\n", "\x85.\x85", "\u2028.\u2028",
];
const SMUGGLED = "MAIL FROM:<evil@b>\r\nRCPT TO:<evil@d>\r\nDATA\r\nsmuggled\r\n";

/** How many messages a server would see in this data that takes any of these for a line end, and drops NULs. */
function messagesFor(data: string, lineEnd: RegExp): number {
  return data.replaceAll("\0", "").split(lineEnd).filter((line) => line === ".").length;
}

for (const lineEndings of LINE_ENDINGS) {
  test(`whatever is not CRLF.CRLF ends nothing, for no reader upstream, with line endings "${lineEndings}"`, async () => {
    const server = await scripted();
    const { address } = await proxied(server.address, { lineEndings, limits: { errors: Infinity } });
    await Promise.all(ENDS.map(async (end) => {
      const client = await Client.connect(address);
      cleanUp.unshift(() => client.end());
      const octets = Buffer.from(`one${end}${SMUGGLED}`);
      const cuts = Array.from({ length: end.length + 4 }, (_, index) => [octets.subarray(0, 2 + index), octets.subarray(2 + index)]);
      for (const segments of [[octets], ...cuts, [...octets].map((octet) => Uint8Array.of(octet))]) {
        await client.upToData();
        for (const segment of segments) {
          client.send(segment);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await client.say(".");
      }
    }));
    assert.ok(server.messages.length > 0);
    for (const message of server.messages) {
      for (const lineEnd of [/\r\n/, /\n/, /\r\n|\n|\r/, /\r+\n/, /\r?\n/]) assert.is(messagesFor(message, lineEnd), 0, JSON.stringify(message));
    }
    assert.not.match(server.dialogue, /evil/);
  });
}

/** Keeps what comes, octet for octet. */
class Keeper extends SMTPServer {
  readonly kept: Buffer[] = [];

  override processMessage(_: Peer, __: string, ___: string[], data: Uint8Array | string, ____: MessageOptions): void {
    this.kept.push(Buffer.from(data as Uint8Array));
  }
}

test("apart from the lines in front, a message arrives as it was sent", async () => {
  const keeper = new Keeper(["127.0.0.1", 0], undefined, { hostname: "upstream.example" });
  cleanUp.push(() => keeper.close());
  const { address } = await proxied((await keeper.listening)[0] as NextHop, { graceMs: 0 });
  const client = await Client.connect(address);
  cleanUp.unshift(() => client.end());
  const eightBit = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1).filter((octet) => octet !== 13 && octet !== 10));
  const contents = [
    Buffer.from("Subject: x\r\n\r\nplain\r\n"), Buffer.alloc(0), Buffer.from("\r\n"), Buffer.from(".\r\n..\r\n...\r\n.x\r\n"), Buffer.concat([eightBit, Buffer.from("\r\n")]),
    Buffer.from(`${"x".repeat(998)}\r\n${"y".repeat(100_000)}\r\n`), Buffer.from("no header: yes\r\n".repeat(20)), Buffer.from("0123456789abcde\r\n".repeat(640_000)), Buffer.from(".\r\n".repeat(300_000)),
  ];
  for (const content of contents) {
    await client.upToData();
    client.send(Buffer.from(content.toString("latin1").replace(/^\./gm, ".."), "latin1"));
    assert.match(await client.say("."), /^250/);
    const kept = keeper.kept.splice(0)[0]!;
    const trace = /^Received: .*\r\n(?:\t.*\r\n)+/.exec(kept.subarray(0, 500).toString("latin1"))![0];
    assert.ok(kept.subarray(trace.length).equals(content), `${content.length} octets`);
  }
});

test("a slow upstream holds the client back; a message of any size passes in little room", async () => {
  const { client, server } = await through();
  await client.upToData();
  server.sockets.at(-1)!.pause();
  const block = Buffer.alloc(1_000_000, "0123456789abcde\n").map((octet, index) => (octet === 10 ? 10 : (index + 1) % 16 === 15 ? 13 : octet));
  for (let count = 0; count < 64; count++) client.send(block);
  await eventually(() => client.socket.bytesWritten > 100_000, "it begins");
  await new Promise((resolve) => setTimeout(resolve, 300));
  const held = client.socket.writableLength;
  assert.ok(held > 20_000_000, `${held} octets are still the client's`);
  client.end();
});

// Where a message came from

const XFORWARD_OFFERED = "250-upstream.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";

/** What upstream has heard of clients. */
function forwarded({ heard }: Scripted): string[] {
  return heard.flat().filter((line) => line.startsWith("XFORWARD"));
}

test("upstream is told where a message came from, in front of MAIL and in the same write, where it is asked for", async () => {
  const { client, server } = await through({ EHLO: XFORWARD_OFFERED, XFORWARD: "250 2.0.0 Ok" }, { upstream: { xforward: true } });
  const { localPort } = client.socket;
  assert.match(await client.deliver("one"), /^250/);
  assert.match(await client.say("HELO [127.0.0.1]"), /^250/);
  assert.match(await client.say("MAIL FROM:<e@f>"), /^250/);
  const address = `XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1 PORT=${localPort}`;
  assert.is(server.dialogue, [
    "EHLO proxy.example", "RSET", address, "XFORWARD PROTO=ESMTP HELO=client.example", "XFORWARD SOURCE=LOCAL", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>", "DATA",
    "RSET", address, "XFORWARD PROTO=SMTP HELO=[127.0.0.1]", "XFORWARD SOURCE=LOCAL", "MAIL FROM:<e@f>",
  ].join(", "));
});

test("upstream is told in one segment with MAIL", async () => {
  const segments: string[] = [];
  const { client } = await through({ EHLO: XFORWARD_OFFERED, XFORWARD: "250 2.0.0 Ok" }, {
    upstream: { xforward: true, trace: (_, from, octets) => void (from === "client" && segments.push(Buffer.from(octets).toString())) },
  });
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b>");
  assert.match(segments.at(-1)!, /^RSET\r\nXFORWARD [^]*\r\nMAIL FROM:<a@b>\r\n$/);
});

test("upstream is told no more than it knows, nothing where it does not offer it, and nothing where it is not asked for", async () => {
  const said = async (offer: string, options: PureProxyOptions): Promise<string[]> => {
    const { client, server } = await through({ EHLO: `250-upstream.example\r\n250 ${offer}` , XFORWARD: "250 2.0.0 Ok" }, options);
    assert.match(await client.deliver("one"), /^250/);
    return forwarded(server);
  };
  const asked = { upstream: { xforward: true } };
  assert.equal(await said("XFORWARD HELO xthing", asked), ["XFORWARD HELO=client.example"]);
  assert.equal(await said("XFORWARD", asked), []);
  assert.equal(await said("PIPELINING", asked), []);
  assert.equal(await said("XFORWARD NAME ADDR", {}), []);
});

test("an upstream that refuses it gets the message all the same", async () => {
  for (const XFORWARD of ["501 5.5.4 Bad", "550 5.7.0 Not from you", "450 4.3.0 Later"]) {
    const { client, server } = await through({ EHLO: XFORWARD_OFFERED, XFORWARD }, { upstream: { xforward: true } });
    assert.match(await client.deliver("one"), /^250/);
    assert.is(server.messages.length, 1);
    assert.is(forwarded(server).length, 3);
  }
});

test("what a client calls itself is fit for upstream's logs", async () => {
  const { client, server } = await through({ EHLO: XFORWARD_OFFERED, XFORWARD: "250 2.0.0 Ok" }, { upstream: { xforward: true }, leniencies: ["interoperable"] });
  await client.say("EHLO <a>;\"b\"+c");
  await client.say("MAIL FROM:<a@b>");
  assert.is(forwarded(server)[1], "XFORWARD PROTO=ESMTP HELO=?a???b?+2Bc");
  await client.say(`EHLO ${"+".repeat(200)}`);
  assert.match(await client.say("MAIL FROM:<a@b>"), /^250/);
  assert.is(forwarded(server)[4], "XFORWARD PROTO=ESMTP HELO=[UNAVAILABLE]");
});

test("what a client that is trusted with it says is passed on; so is whom it speaks for", async () => {
  const { client, server } = await through({ EHLO: XFORWARD_OFFERED, XFORWARD: "250 2.0.0 Ok" }, { upstream: { xforward: true }, xclient: ["127.0.0.1"], xforward: ["127.0.0.1"], allow: ["2001:db8::/32"] });
  await client.say("EHLO filter.example");
  await client.say("XFORWARD NAME=spike.example ADDR=168.100.189.2");
  await client.say("XFORWARD IDENT=4711");
  await client.say("MAIL FROM:<a@b>");
  assert.equal(forwarded(server), ["XFORWARD NAME=spike.example ADDR=168.100.189.2", "XFORWARD IDENT=4711"]);
  await client.say("RSET");
  await client.say("XCLIENT NAME=bee.example ADDR=IPV6:2001:db8::1 PORT=25 LOGIN=ann");
  await client.say("EHLO bee.example");
  await client.say("MAIL FROM:<a@b>");
  assert.equal(forwarded(server).slice(2), ["XFORWARD NAME=bee.example ADDR=IPV6:2001:db8::1 PORT=25", "XFORWARD PROTO=ESMTPA HELO=bee.example", "XFORWARD SOURCE=REMOTE"]);
  await client.say("RSET");
  await client.say("XCLIENT ADDR=[UNAVAILABLE] LOGIN=ann");
  await client.say("EHLO x");
  await client.say("MAIL FROM:<a@b>");
  assert.equal(forwarded(server).slice(5), ["XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]", "XFORWARD PROTO=ESMTPA HELO=x", "XFORWARD SOURCE=REMOTE"]);
});

test("what is told of clients without an address, or with a zone, or behind a proxy", () => {
  const mail = commandOf("MAIL FROM:<a@b>") as Mail;
  const of = (address: string, port: number, proxied?: "client" | "unknown"): string[] => Object.values(forwardedFrom({ address, port, localAddress: address, localPort: 2, ...(proxied && { proxied }) }, { hello: { type: "EHLO", domain: "x" }, mail, secure: true })).map(String);
  const none = "[UNAVAILABLE]";
  assert.equal(of("local", 0), [none, none, none, "ESMTPS", "x", "LOCAL"]);
  assert.equal(of("fe80::1%eth0", 7), [none, "fe80::1", "7", "ESMTPS", "x", "REMOTE"]);
  assert.equal(of("127.0.0.1", 7, "client"), [none, "127.0.0.1", "7", "ESMTPS", "x", "REMOTE"]);
  assert.equal(of("127.0.0.1", 7, "unknown"), [none, none, none, "ESMTPS", "x", "REMOTE"]);
});

// Not an open relay

const STRANGER: Peer = { address: "192.0.2.1", port: 4711, localAddress: "192.0.2.2", localPort: 25 };

test("strangers may relay nowhere, friends anywhere, anybody home", () => {
  const rcpt = (address: string) => (commandOf(`RCPT TO:<${address}>`) as Rcpt).forwardPath;
  const closed = new Relaying({});
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "local"]) assert.ok(closed.trusts({ ...STRANGER, address }), address);
  for (const address of ["192.0.2.1", "10.0.0.1", "2001:db8::1", "128.0.0.1"]) assert.not.ok(closed.trusts({ ...STRANGER, address }), address);
  assert.ok(closed.onlyThisHost);
  assert.not.ok(closed.isRelayDomain(rcpt("c@d")));
  assert.not.ok(closed.isRelayDomain(rcpt("Postmaster")));

  const open = new Relaying({ allow: ["192.0.2.0/24", "2001:db8::/32", "10.0.0.7"], relayDomains: ["Example.org", ".example.net"] });
  for (const address of ["192.0.2.255", "2001:db8:1::1", "10.0.0.7", "127.0.0.1"]) assert.ok(open.trusts({ ...STRANGER, address }), address);
  for (const address of ["192.0.3.1", "2001:db9::1", "10.0.0.8"]) assert.not.ok(open.trusts({ ...STRANGER, address }), address);
  assert.ok(new Relaying({ allow: ["192.0.2.0/24"] }).isRelayDomain(rcpt("Postmaster")), "§4.5.1");
  for (const address of ["a@example.ORG", "a@mail.example.net", "Postmaster"]) assert.ok(open.isRelayDomain(rcpt(address)), address);
  assert.not.ok(open.isRelayDomain({ sourceRoute: [], localPart: "root", domain: "" }), "another address without a domain");
  for (const address of ["a@example.net", "a@notexample.org", "a@example.org.evil", "a@sub.example.org", "\"a@example.org\"@evil", "a%evil@example.org", "evil!a@example.org", "\"a@evil\"@example.org"]) assert.not.ok(open.isRelayDomain(rcpt(address)), address);
  for (const network of ["192.0.2.0/33", "192.0.2.0/x", "::/129", "example.org", "", "192.0.2.0/24/1", "192.0.2.0/"]) assert.throws(() => new Relaying({ allow: [network] }), /is no network/, network);
});

/** As if the client had come from elsewhere. */
class FromElsewhere extends PureProxy {
  override session(peer: Peer): ReturnType<PureProxy["session"]> {
    return super.session({ ...peer, address: STRANGER.address });
  }
}

test("a stranger hears 550 at RCPT, and upstream is not even asked", async () => {
  const server = await scripted();
  const proxy = new FromElsewhere(["127.0.0.1", 0], server.address, { hostname: "proxy.example" });
  cleanUp.unshift(() => proxy.close());
  const client = await Client.connect((await proxy.listening)[0]!);
  cleanUp.unshift(() => client.end());
  await client.say("EHLO client.example");
  assert.match(await client.say("MAIL FROM:<a@b>"), /^250/);
  assert.is(await client.say("RCPT TO:<c@d>"), "550 5.7.1 Relaying denied\r\n");
  assert.match(await client.say("DATA"), /^503/);
  assert.equal(server.heard, []);
});

test("a stranger may send home, and source routes are not followed", async () => {
  const server = await scripted();
  const proxy = new FromElsewhere(["127.0.0.1", 0], server.address, { relayDomains: ["d.example"] });
  cleanUp.unshift(() => proxy.close());
  const client = await Client.connect((await proxy.listening)[0]!);
  cleanUp.unshift(() => client.end());
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<@evil.example:a@b>");
  assert.match(await client.say("RCPT TO:<c@elsewhere.example>"), /^550 5\.7\.1/);
  assert.match(await client.say("RCPT TO:<@evil.example:c@d.example>"), /^250/);
  assert.match(server.dialogue, /MAIL FROM:<a@b>, RCPT TO:<c@d\.example>$/);
});

test("listening for all without letting anybody relay is told", async () => {
  const server = await scripted();
  const told = async (options: PureProxyOptions, host = "0.0.0.0"): Promise<string> => {
    const log: string[] = [];
    const proxy = new PureProxy([host, 0], server.address, { ...options, log: (line) => log.push(line) });
    cleanUp.unshift(() => proxy.close());
    await proxy.listening;
    return log.join("\n");
  };
  assert.match(await told({}), /--allow CIDR or --relay-domain DOMAIN/);
  assert.is(await told({ allow: ["192.0.2.0/24"] }), "");
  assert.is(await told({ relayDomains: ["example.org"] }), "");
  assert.is(await told({}, "127.0.0.1"), "");
});

test("it is not its own next hop", async () => {
  const port = await freePort();
  for (const remote of [["127.0.0.1", port], ["localhost", port]] as const) {
    const proxy = new PureProxy(["127.0.0.1", port], remote, {});
    assert.is(await proxy.listening.then(() => "listens", String), "Error: the next hop is this server itself");
  }
  const everywhere = new PureProxy(["0.0.0.0", port], [["127.0.0.1", 9], ["127.0.0.2", port]], {});
  assert.is(await everywhere.listening.then(() => "listens", String), "Error: the next hop is this server itself");
  assert.ok(reaches("/a", "/a"));
  assert.not.ok(reaches("/a", ["127.0.0.1", 1]));
  assert.not.ok(reaches(["192.0.2.1", 1], ["0.0.0.0", 1]));
  for (const [to, at] of [["0.0.0.0", "::"], ["0.0.0.0", "127.0.0.1"], ["::ffff:127.0.0.1", "127.0.0.1"], ["0:0:0:0:0:0:0:1", "::1"], ["::ffff:7f00:1", "0.0.0.0"]] as const) {
    assert.ok(reaches([to, 1], [at, 1]), `${to} ${at}`);
  }
  assert.not.ok(reaches(["::ffff:192.0.2.1", 1], ["192.0.2.2", 1]));
});

test("what is no network is refused before anything listens", () => {
  assert.throws(() => new PureProxy(["127.0.0.1", 0], ["127.0.0.1", 25], { allow: ["everybody"] }), /"everybody" is no network/);
});

test.run();
