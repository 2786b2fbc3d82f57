// Messages, and who sends them: our own client, or swaks.

import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../client.js";
import { run } from "../tools.js";

export interface Mail {
  /** Empty for the null sender. */
  readonly from: string;
  readonly to: readonly string[];
  /** Lines end in LF. */
  readonly content: string;
}

export interface Heard {
  /** The reply to each RCPT. */
  readonly rcpts: readonly string[];
  /** The reply to the message, or to DATA where that was refused; empty where no recipient was taken. */
  readonly final: string;
}

let number = 0;

/** A text that is in one message alone. */
export function token(): string {
  return `token-${process.pid}-${++number}.`;
}

/** A message to a list or a person, with a text of its own in its body. */
export function letter(text: string, to: string, { from = "alice@member.test", subject = "a letter" } = {}): string {
  return `From: ${from}\nTo: ${to}\nSubject: ${subject}\n\n${text}\n`;
}

/** One message in a session of its own, one command at a time. */
export async function post(port: number, { from, to, content }: Mail, parameters = ""): Promise<Heard> {
  const client = await Client.connect(["127.0.0.1", port]);
  try {
    const rcpts = await envelope(client, { from, to }, parameters);
    let final = "";
    if (rcpts.some((reply) => reply.startsWith("2"))) {
      final = await say(client, "DATA");
      if (final.startsWith("3")) final = await say(client, content.replaceAll("\n", "\r\n") + ".");
    }
    await client.say("QUIT");
    return { rcpts, final };
  } finally {
    client.end();
  }
}

/** The recipients alone: what each would hear. */
export async function ask(port: number, ...to: readonly string[]): Promise<readonly string[]> {
  const client = await Client.connect(["127.0.0.1", port]);
  try {
    return await envelope(client, { from: "alice@member.test", to });
  } finally {
    client.end();
  }
}

/** EHLO, MAIL and a RCPT for each. Gives the replies to the recipients. */
export async function envelope(client: Client, { from, to }: Omit<Mail, "content">, parameters = ""): Promise<string[]> {
  await client.say("EHLO client.test");
  const given = await say(client, `MAIL FROM:<${from}>${parameters}`);
  if (!given.startsWith("250")) throw new Error(`MAIL was answered with ${given}`);
  const rcpts = [];
  for (const each of to) rcpts.push(await say(client, `RCPT TO:<${each}>`));
  return rcpts;
}

/** A reply without its last line ending. */
export async function say(client: Client, line: string): Promise<string> {
  return (await client.say(line)).trimEnd();
}

/** The same as post, from another's program. It prints the dialogue. */
export async function swaks(port: number, { from, to, content }: Mail): Promise<Heard> {
  const file = join(tmpdir(), `smtpd-${process.pid}-${++number}.eml`);
  writeFileSync(file, content);
  try {
    const { stdout } = await run("swaks", ["--server", `127.0.0.1:${port}`, "--from", from || "<>", "--to", to.join(","), "--data", `@${file}`]);
    const [rcpts, afterData] = [[...stdout.matchAll(/^ -> RCPT [^\n]*\n<(?:-|\*\*) +([^\n]*)/gm)], /^ -> \.\n<(?:-|\*\*) +([^\n]*)/m.exec(stdout)];
    return { rcpts: rcpts.map(([, reply]) => reply!.trimEnd()), final: afterData?.[1]?.trimEnd() ?? "" };
  } finally {
    rmSync(file);
  }
}
