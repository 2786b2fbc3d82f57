// A Postfix of our own that sends: what it takes goes on to one server, and its log tells what became of it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Client } from "../client.js";
import { Postfix, type Parameters } from "./accounting/postfix.js";
import { find, quietPort, until } from "./accounting/processes.js";

const lacking = ["postfix", "postconf"].find((program) => find(program) === undefined);
export const noPostfix = lacking !== undefined ? `there is no ${lacking} (Debian's postfix)` : process.getuid?.() !== 0 ? "only root starts a Postfix" : undefined;
/** Root may be had in CI, too. */
export const postfixInstallable = lacking !== undefined;

/** What became of a message for one recipient. */
export interface Fate { readonly to: string; readonly status: string; readonly dsn: string; readonly said: string }

export interface Submission {
  /** Behind MAIL, and behind each RCPT. */
  readonly mail: string;
  readonly rcpts: readonly string[];
  readonly content: string;
}

/** "MAIL" and "RCPT" as one says them to it. */
export async function submit(port: number, { mail, rcpts, content }: Submission): Promise<void> {
  const client = await Client.connect(["127.0.0.1", port]);
  await client.say("EHLO client.example");
  for (const line of [`MAIL ${mail}`, ...rcpts.map((each) => `RCPT ${each}`)]) assert.match(await client.say(line), /^250/);
  assert.match(await client.say("DATA"), /^354/);
  client.send(Buffer.from(`${content}.\r\n`, "latin1"));
  assert.match(await client.until(/^\d{3} .*\r\n/m), /^250/);
  await client.say("QUIT");
  client.end();
}

export class Relay {
  readonly #folder = mkdtempSync(join(tmpdir(), "smtpd-"));
  readonly #postfix: Postfix;

  private constructor(port: number) {
    this.#postfix = new Postfix(this.#folder, port);
  }

  static async make(): Promise<Relay> {
    return new Relay(await quietPort());
  }

  /** `transport`: "relay:[127.0.0.1]:2525", or with "lmtp:inet:". Gives the fate of each recipient. */
  async send(transport: string, parameters: Parameters, submission: Submission): Promise<readonly Fate[]> {
    const { server } = this.#postfix;
    this.#postfix.configure({ defer_transports: "", smtpd_data_restrictions: "", default_transport: transport, ...parameters });
    try {
      await server.start();
      await submit(server.port, submission);
      await until(async () => fates(this.#postfix.log).length >= submission.rcpts.length, "each recipient has its fate");
      return fates(this.#postfix.log);
    } finally {
      await server.kill();
    }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function fates(log: string): readonly Fate[] {
  const found = log.matchAll(/ to=<([^>]*)>,.* dsn=([\d.]+), status=(\w+) \((.*)\)$/gm);
  return [...found].map(([, to, dsn, status, said]) => ({ to: to!, dsn: dsn!, status: status!, said: said! }));
}
