// What the DebuggingServer prints, in its three forms, and what it does where it cannot.

import { Writable } from "node:stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DebuggingServer, type DebuggingServerOptions, type FormatName } from "../../dist/index.js";
import { FORMATS, type Envelope } from "../../dist/servers/formats.js";
import { Client } from "../client.js";

const test = suite("DebuggingServer");
const servers: DebuggingServer[] = [];

class Output extends Writable {
  readonly writes: string[] = [];
  isTTY = false;
  failure: Error | undefined;

  override _write(chunk: Buffer, _: string, done: (error?: Error | null) => void): void {
    if (this.failure === undefined) this.writes.push(chunk.toString("latin1"));
    setImmediate(done, this.failure ?? null);
  }
}

async function start(options: DebuggingServerOptions = {}): Promise<{ output: Output; lines: string[]; connect: () => Promise<Client> }> {
  const output = new Output();
  const lines: string[] = [];
  const server = new DebuggingServer(["127.0.0.1", 0], undefined, { output, log: (line) => lines.push(line), ...options });
  servers.push(server);
  const [address] = await server.listening;
  return { output, lines, connect: () => Client.connect(address!) };
}

test.after.each(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

function envelope(data: string, mailOptions: readonly string[] = [], rcptOptions: readonly string[][] = [[]]): Envelope {
  const octets = Buffer.from(data, "latin1");
  const peer = { address: "::1", port: 4711, localAddress: "::1", localPort: 25 };
  return { peer, mailfrom: "a@b", rcpttos: ["c@d"], data: octets, mailOptions, rcptOptions, client: "me", size: octets.length, irregularities: [] };
}

function printed(format: FormatName, value: Envelope, terminal = false): string {
  return Buffer.from(FORMATS[format](value, terminal)).toString("latin1");
}

const BEGIN = "---------- MESSAGE FOLLOWS ----------\n";
const END = "------------ END MESSAGE ------------\n";

test("text: the message between its frame lines, X-Peer behind the last header", () => {
  assert.is(printed("text", envelope("Subject: x\r\n\r\nhello\r\n\r\nbye\r\n")), `${BEGIN}Subject: x\nX-Peer: ::1\n\nhello\n\nbye\n${END}`);
  assert.is(printed("text", envelope("Subject: x\r\n")), `${BEGIN}Subject: x\n${END}`);
  assert.is(printed("text", envelope("\r\nx\r\n")), `${BEGIN}X-Peer: ::1\n\nx\n${END}`);
  assert.is(printed("text", envelope("")), `${BEGIN}${END}`);
  assert.is(printed("text", envelope("no line ending")), `${BEGIN}no line ending\n${END}`);
});

test("text: option lines as of old", () => {
  const value = envelope("x\r\n", ["SIZE=5", "X='"], [["NOTIFY=NEVER"], ["ORCPT=x"]]);
  assert.is(printed("text", value), `${BEGIN}mail options: ['SIZE=5', "X='"]\nrcpt options: ['NOTIFY=NEVER', 'ORCPT=x']\n\nx\n${END}`);
});

test("text: in a pipe the octets as they are, on a terminal fit to be shown", () => {
  const data = "a\x1b[31m\ttab\x07\r\ncaf\xe9\x9b\r\ngr\xc3\xbc\xc3\x9fe\xc2\x9b\r\n\xe2\x80\xae\r\nx\ry\nz\r\n\x7f\r\n";
  assert.is(printed("text", envelope(data)), `${BEGIN}${data.replaceAll("\r\n", "\n")}${END}`);
  const shown = Buffer.from(FORMATS.text(envelope(data), true)).toString();
  assert.is(shown, `${BEGIN}a\\x1b[31m\ttab\\x07\ncaf\\xe9\\x9b\ngrüße\\x9b\n\\u202e\nx\\x0dy\\x0az\n\\x7f\n${END}`);
});

test("text: on a terminal, what is no UTF-8 is shown octet by octet, and what is passes", () => {
  const shownAs = (octets: readonly number[]): string => {
    const lines = Buffer.from(FORMATS.text(envelope(Buffer.from(octets).toString("latin1")), true)).toString();
    return lines.slice(BEGIN.length, -END.length - 1);
  };
  for (const text of ["ü", "€", "👋", "\u{10ffff}", "\ud7ff", "\ue000", "日本語"]) assert.is(shownAs([...Buffer.from(text)]), text);
  for (const octets of [[0x80], [0xc0, 0xaf], [0xc1, 0x81], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80], [0xe2, 0x82], [0xc3, 0x28]]) {
    const expected = octets.map((octet) => (octet < 0x80 ? String.fromCharCode(octet) : `\\x${octet.toString(16)}`)).join("");
    assert.is(shownAs(octets), expected);
  }
});

test("millions of lines and of escapes are one pass", () => {
  for (const unit of ["\r\n", "\x01", "'", "\xe9", "\xc2\x9b\r\n"]) {
    const value = envelope(unit.repeat(2_000_000 / unit.length));
    for (const format of ["text", "python", "json"] as const) {
      for (const terminal of [false, true]) assert.ok(FORMATS[format](value, terminal).length >= 1_000_000);
    }
  }
});

test("python: each line as the repr of bytes", () => {
  const data = "Subject: it's\r\n\r\nboth ' and \"\r\n\"q\" \\ \t\0\x7f\xe9\r\na\rb\nc\r\r\nd\r\n\r\n";
  assert.is(
    printed("python", envelope(data, ["size=5", "BODY=8bitmime"], [["NOTIFY=NEVER"]])),
    `${BEGIN}mail options: ['SIZE=5', 'BODY=8BITMIME']\nb"Subject: it's"\nb'X-Peer: ::1'\nb''\nb'both \\' and "'\nb'"q" \\\\ \\t\\x00\\x7f\\xe9'\nb'a'\nb'b'\nb'c'\nb'd'\n${END}`,
  );
});

test("json: one object a line, and nothing in it that a terminal obeys", () => {
  const text = printed("json", envelope("Subject: \x1b\x7f gr\xc3\xbc\xc2\x9b\xe2\x80\xae\r\n"));
  assert.match(text, /^[^\x00-\x09\x0b-\x1f\x7f]*\n$/);
  assert.not.match(Buffer.from(text, "latin1").toString(), /[\x7f-\x9f\u202e]/);
  const { data, ...rest } = JSON.parse(Buffer.from(text, "latin1").toString()) as Record<string, unknown>;
  assert.is(data, "Subject: \x1b\x7f grü\x9b\u202e\r\n");
  assert.equal(rest, {
    peer: { address: "::1", port: 4711, localAddress: "::1", localPort: 25 },
    client: "me", mailfrom: "a@b", rcpttos: ["c@d"], mailOptions: [], rcptOptions: [[]], size: 23, irregularities: [],
  });
  const binary = JSON.parse(printed("json", envelope("\xff\r\n"))) as Record<string, unknown>;
  assert.is(binary["data"], undefined);
  assert.is(Buffer.from(binary["dataBase64"] as string, "base64").toString("latin1"), "\xff\r\n");
});

test("each message is one write, however many come at a time", async () => {
  const { output, connect } = await start();
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const client = await connect();
    assert.match(await client.deliver(`Subject: ${index}\r\n\r\nbody`), /^250/);
    client.end();
  }));
  assert.is(output.writes.length, 20);
  for (const write of output.writes) assert.match(write, /^-+ MESSAGE FOLLOWS -+\nSubject: \d+\nX-Peer: 127.0.0.1\n\nbody\n-+ END MESSAGE -+\n$/);
});

test("250 is not said before it is printed", async () => {
  const { output, connect } = await start({ format: "python" });
  const client = await connect();
  assert.match(await client.deliver("x"), /^250/);
  assert.is(output.writes.length, 1);
});

test("an output that is closed or full: 451, a clear line, and the server lives", async () => {
  const { output, lines, connect } = await start();
  const client = await connect();
  output.failure = new Error("write EPIPE");
  assert.match(await client.deliver("x"), /^451 4.3.0/);
  assert.match(await client.deliver("y"), /^451 4.3.0/);
  assert.is(lines.length, 2);
  assert.match(lines[0]!, /^smtpd: message from 127.0.0.1 failed and was answered 451: Error: write EPIPE$/);
});

test("an output that takes nothing: what waits for it counts, and is refused beyond the limit", async () => {
  const stuck = { write: () => {} };
  const { connect } = await start({ output: stuck, memoryLimit: 2500, graceMs: 50 });
  const clients = await Promise.all(Array.from({ length: 4 }, connect));
  for (const client of clients) await client.upToData();
  for (const client of clients) client.send(`${"x".repeat(1000)}\r\n.\r\n`);
  await Promise.all(clients.slice(2).map((client) => client.until(/452 4.3.1/)));
});

test("what was irregular is reported, and printed all the same", async () => {
  const { output, lines, connect } = await start({ lineEndings: "pass" });
  assert.match(await (await connect()).deliver(`${"x".repeat(1200)}\r\na\nb\r\ncafé`), /^250/);
  assert.is(output.writes.length, 1);
  assert.equal(lines, [
    "smtpd: message from 127.0.0.1: 1x line of more than 1000 octets (RFC 5321 §4.5.3.1.6)",
    "smtpd: message from 127.0.0.1: 1x LF without CR (RFC 5321 §2.3.8)",
    "smtpd: message from 127.0.0.1: 1x 8-bit data without BODY=8BITMIME (RFC 5321 §2.4)",
  ]);
});

test("a terminal is asked for by the output", async () => {
  const { output, connect } = await start();
  output.isTTY = true;
  await (await connect()).deliver("\x1b[2J");
  assert.match(output.writes[0]!, /\\x1b\[2J/);
});

test.run();
