// Real mail programs deliver through the command, and what it prints is what they sent.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Client, eventually } from "../client.js";
import { have, run, testIf, type Ran } from "./tools.js";

const test = suite("clients");
const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
/** Finds what `npm ci` has put into this folder. */
const require = createRequire(new URL("../../test/interop/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "smtpd-"));
const FILE = join(scratch, "message.eml");

interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Lines end in LF. */
  readonly content: Buffer;
  readonly mailOptions?: readonly string[];
}

interface Printed {
  readonly mailfrom: string;
  readonly rcpttos: readonly string[];
  readonly mailOptions: readonly string[];
  readonly data?: string;
  readonly dataBase64?: string;
}

let server: ChildProcess;
let port = 0;
let stdout = "";
let stderr = "";

async function start(...args: readonly string[]): Promise<void> {
  [stdout, stderr] = ["", ""];
  server = spawn(process.execPath, [CLI, "-n", "-u", "-c", "DebuggingServer", "--format", "json", ...args, "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  server.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  server.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await eventually(() => /:(\d+)\n/.test(stderr), "the server listens");
  port = Number(/:(\d+)\n/.exec(stderr)![1]);
}

async function printed(): Promise<Printed> {
  await eventually(() => stdout.endsWith("\n"), "a message is printed");
  const lines = stdout.trimEnd().split("\n");
  assert.is(lines.length, 1);
  stdout = "";
  return JSON.parse(lines[0]!) as Printed;
}

function octetsOf({ data, dataBase64 }: Printed): Buffer {
  return data === undefined ? Buffer.from(dataBase64!, "base64") : Buffer.from(data);
}

/** A message with CRLFs, one character an octet. */
function withCrlf(content: Buffer): string {
  return content.toString("latin1").replaceAll("\n", "\r\n");
}

/** What nearly every client makes of a message: CRLFs, and one at the end. */
function onTheWire(content: Buffer): string {
  const text = withCrlf(content);
  return text.endsWith("\r\n") ? text : `${text}\r\n`;
}

test.before(async () => start());
test.after(() => {
  server.kill("SIGKILL");
  rmSync(scratch, { recursive: true });
});

const header = "From: <a@example.com>\nTo: <b@example.org>\nSubject: test\n";
const attachment = Array.from({ length: 140_000 }, (_, index) => Buffer.alloc(57, index).toString("base64")).join("\n");
const ONE = { from: "a@example.com", to: ["b@example.org"] };

const MAILS: { readonly [name: string]: Mail } = {
  plain: { ...ONE, content: Buffer.from(`${header}\nHello.\n`) },
  "8-bit": { ...ONE, content: Buffer.from(`${header}Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9 na\xefve\n`, "latin1") },
  "UTF-8 text": { ...ONE, content: Buffer.from(`${header}Content-Type: text/plain; charset=utf-8\n\nGrüße, 你好 👋\n`) },
  "dots at line starts": { ...ONE, content: Buffer.from(`${header}\n.\n..\n...\n.dot\nno.dot\n.\n\n. .`) },
  "no final newline": { ...ONE, content: Buffer.from(`${header}\nthe end`) },
  "an attachment of 10 MB": { ...ONE, content: Buffer.from(`${header}\n${attachment}\n`) },
  "100 recipients": { ...ONE, to: Array.from({ length: 100 }, (_, index) => `r${index}@example.org`), content: Buffer.from(`${header}\nto all\n`) },
};
const UTF8_ADDRESS: Mail = { from: "josé@example.com", to: ["用户@例子.example"], content: Buffer.from("Subject: grüße\n\nx\n"), mailOptions: ["SMTPUTF8"] };
const EMPTY: Mail = { ...ONE, content: Buffer.alloc(0) };

interface Program {
  readonly missing: () => string | undefined;
  readonly deliver: (mail: Mail) => Promise<void>;
  /** What it makes of an empty message; undefined where it cannot send one. */
  readonly empty: string | undefined;
  /** How it writes the recipient 用户@例子.example; undefined where it does not know SMTPUTF8. */
  readonly utf8Recipient?: string;
  /** What it makes of any other, if not what others do. */
  readonly wire?: (content: Buffer) => string;
}

function command(name: string, program: Omit<Program, "missing" | "deliver"> & { readonly send: (mail: Mail) => Promise<Ran> }): Program {
  return {
    ...program,
    missing: () => (have(name) ? undefined : `there is no ${name} (Debian's package of that name)`),
    deliver: async (mail) => {
      const { code, stdout: out, stderr: error } = await program.send(mail);
      assert.is(code, 0, `${name}: ${error || out}`);
    },
  };
}

const SMTPLIB = `
import smtplib, sys
port, sender, recipients, options, utf8 = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(","), sys.argv[4].split(), sys.argv[5]
data = sys.stdin.buffer.read().replace(b"\\n", b"\\r\\n")
with smtplib.SMTP("127.0.0.1", port) as client:
    client.command_encoding = "utf-8" if utf8 else "ascii"
    client.sendmail(sender, recipients, data, options)
`;

const swaks = (...extra: readonly string[]): Program => command("swaks", {
  send: ({ from, to, content }) => {
    writeFileSync(FILE, content);
    return run("swaks", [...extra, "--server", `127.0.0.1:${port}`, "--from", from, "--to", to.join(","), "--data", `@${FILE}`, "--suppress-data"]);
  },
  empty: undefined,
  wire: (content) => `${withCrlf(content)}\r\n`, // whether there is one already or not
});

interface Nodemailer {
  createTransport(options: object): { sendMail(mail: object): Promise<unknown>; close(): void };
}

const PROGRAMS: { readonly [name: string]: Program } = {
  smtplib: command("python3", {
    send: ({ from, to, content, mailOptions = ["BODY=8BITMIME"] }) =>
      run("python3", ["-W", "ignore", "-c", SMTPLIB, `${port}`, from, to.join(","), mailOptions.join(" "), mailOptions.includes("SMTPUTF8") ? "utf8" : ""], content),
    empty: "\r\n",
    utf8Recipient: "用户@例子.example",
  }),
  swaks: swaks(),
  "swaks, pipelining": swaks("--pipeline"),
  curl: command("curl", {
    send: ({ from, to, content }) =>
      run("curl", ["-sS", "--crlf", `smtp://127.0.0.1:${port}/client.example`, "--mail-from", from, ...to.flatMap((each) => ["--mail-rcpt", each]), "--upload-file", "-"], content),
    empty: "",
    utf8Recipient: "用户@xn--fsqu00a.example",
  }),
  msmtp: command("msmtp", {
    send: ({ from, to, content }) =>
      run("msmtp", ["--host=127.0.0.1", `--port=${port}`, `--from=${from}`, "--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off", "--", ...to], content),
    empty: "",
  }),
  nodemailer: {
    missing: () => (existsSync(new URL("../../test/interop/node_modules/nodemailer", import.meta.url)) ? undefined : "npm ci was not run in test/interop"),
    deliver: async ({ from, to, content }) => {
      const transport = (require("nodemailer") as Nodemailer).createTransport({ host: "127.0.0.1", port, secure: false, ignoreTLS: true });
      await transport.sendMail({ envelope: { from, to }, raw: content });
      transport.close();
    },
    empty: "\r\n",
    utf8Recipient: "用户@例子.example",
  },
};

for (const [program, { missing, deliver, empty, utf8Recipient, wire = onTheWire }] of Object.entries(PROGRAMS)) {
  const why = missing();
  const mails = {
    ...MAILS,
    ...(empty !== undefined && { "an empty message": EMPTY }),
    ...(utf8Recipient !== undefined && { "UTF-8 addresses": UTF8_ADDRESS }),
  };
  for (const [name, mail] of Object.entries(mails)) {
    testIf(why, test, `${program}: ${name}`, async () => {
      await deliver(mail);
      const message = await printed();
      assert.is(message.mailfrom, mail.from);
      assert.equal(message.rcpttos, mail === UTF8_ADDRESS ? [utf8Recipient] : mail.to);
      const expected = mail === EMPTY ? empty! : wire(mail.content);
      const actual = octetsOf(message).toString("latin1");
      assert.ok(actual === expected, `${actual.length} octets, not ${expected.length}: ${JSON.stringify(actual.slice(0, 300))}`);
      assert.ok((mail.mailOptions ?? []).every((option) => message.mailOptions.includes(option)), message.mailOptions.join());
    });
  }
}

testIf(PROGRAMS["curl"]!.missing(), test, "curl without --crlf: refused as the RFC has it, taken where the user says so", async () => {
  const args = (): string[] => ["-sS", `smtp://127.0.0.1:${port}`, "--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "--upload-file", "-"];
  assert.is((await run("curl", args(), "Subject: x\n\nbare\n")).code, 8); // it calls our 550 a weird reply
  await eventually(() => /refused: its lines do not all end in CRLF/.test(stderr), "the operator is told");
  server.kill("SIGKILL");
  await start("--line-endings", "normalise");
  assert.is((await run("curl", args(), "Subject: x\n\nbare\n.\n..\n")).code, 0);
  assert.is((await printed()).data, "Subject: x\r\n\r\nbare\r\n.\r\n..\r\n\r\n"); // it sends CRLF.CRLF behind the last LF
});

test("pipelined groups, a message and the next envelope in one segment", async () => {
  const client = await Client.connect(["127.0.0.1", port]);
  await client.say("EHLO client.example");
  client.send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
  await client.until(/354 .*\r\n/);
  client.send("one\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
  await client.until(/354 .*\r\n/);
  client.send("two\r\n.\r\nQUIT\r\n");
  await client.closed();
  assert.equal(stdout.trimEnd().split("\n").map((line) => (JSON.parse(line) as Printed).data), ["one\r\n", "two\r\n"]);
});

test.run();
