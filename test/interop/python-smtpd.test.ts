// The same messages to Python's own smtpd, where there is still one (up to Python 3.11), and to ours: octet for octet the same output.

import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Client, eventually, freePort } from "../client.js";
import { random } from "../splits.js";
import { have, run, testIf } from "./tools.js";

const test = suite("python-smtpd");
const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const available = have("python3") && (await run("python3", ["-W", "ignore", "-c", "import smtpd"])).code === 0;
const missing = available ? undefined : "python3 is not here, or of a version (3.12 or later) without smtpd";
const children: ChildProcess[] = [];

class Printer {
  readonly #process: ChildProcess;
  readonly port: number;
  stdout = "";

  constructor(command: string, args: readonly string[], port: number) {
    this.port = port;
    this.#process = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
    children.push(this.#process);
    this.#process.stdout!.setEncoding("latin1").on("data", (text: string) => (this.stdout += text));
  }

  async deliver(content: Buffer, options: string): Promise<void> {
    const client = await Client.connect(["127.0.0.1", this.port]);
    await client.say("EHLO client.example");
    for (const line of [`MAIL FROM:<a@b.example>${options}`, "RCPT TO:<c@d.example>", "DATA"]) assert.match(await client.say(line), /^(250|354)/);
    client.send(Buffer.concat([content, Buffer.from("\r\n.\r\n")]));
    assert.match(await client.until(/^\d{3} .*\r\n/m), /^250/);
    await client.say("QUIT");
    await client.closed();
  }
}

async function connectable(port: number): Promise<boolean> {
  return Client.connect(["127.0.0.1", port]).then((client) => (client.end(), true), () => false);
}

test.after(() => {
  for (const child of children) child.kill("SIGKILL");
});

testIf(missing, test, "what is printed is the same", async () => {
  const [theirs, ours] = [await freePort(), await freePort()];
  const size = ["-s", "1000000"];
  const python = new Printer("python3", ["-W", "ignore", "-u", "-m", "smtpd", "-n", ...size, "-c", "DebuggingServer", `127.0.0.1:${theirs}`], theirs);
  const node = new Printer(process.execPath, [CLI, "-n", ...size, "-c", "DebuggingServer", "--format", "python", "--line-endings", "pass", `127.0.0.1:${ours}`], ours);
  for (const { port } of [python, node]) {
    let up = false;
    for (let tries = 0; tries < 100 && !up; tries++) {
      up = await connectable(port);
      if (!up) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.ok(up, "it listens");
  }

  const next = random(5);
  const pieces = ["Subject: x", "\r\n", "\r\n", "\r\n", "'", '"', "\\", "\t", "\x1b[31m", "caf\xc3\xa9", "\xff\x00\x7f", "a\rb", "c\nd", "e\r", "\n", "..", " ", "x".repeat(80)];
  const messages = [
    "Subject: x\r\n\r\nplain", "Subject: it's\r\n\r\nboth ' and \"", "\r\n\r\nno header", "only a header", "Subject: x\r\n\r\n\r\nends with an empty line\r\n",
    "Subject: x\r\n\r\n..dot\r\n...\r\n..", "\xe9\x80\x00",
    ...Array.from({ length: 60 }, () => `x${Array.from({ length: next(15) }, () => pieces[next(pieces.length)]).join("")}`),
  ].filter((each) => !/\r\n\.?\r?$|\r\n\.[\r\n]|\r$/.test(each)); // what Python itself gets wrong is not compared
  for (const [index, message] of messages.entries()) {
    const options = ["", " BODY=8BITMIME", " SIZE=100 body=7bit"][index % 3]!;
    const content = Buffer.from(message, "latin1");
    [python.stdout, node.stdout] = ["", ""];
    await Promise.all([python, node].map((each) => each.deliver(content, options)));
    await eventually(() => [python, node].every(({ stdout }) => stdout.endsWith("END MESSAGE ------------\n")), "both have printed");
    assert.is(node.stdout, python.stdout, JSON.stringify(message));
  }
}, false);

test.run();
