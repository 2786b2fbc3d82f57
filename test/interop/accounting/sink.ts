// Postfix's smtp-sink as a next hop, by SMTP or by LMTP: one file for each message that was ended.

import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Stored } from "./ledger.js";
import { find, Server } from "./processes.js";

const BACKLOG = "100";
/** Behind the message stands an empty line. Where there is none, the sink was killed before the message's end. */
const FINISHED = "\n\n";

export class Sink {
  readonly server: Server;
  readonly #folder: string;

  constructor(folder: string, port: number, { lmtp = false } = {}) {
    this.#folder = join(folder, lmtp ? "lmtp-sink" : "sink");
    mkdirSync(this.#folder);
    const asRoot = process.getuid!() === 0; // it insists on giving that up
    if (asRoot) chownSync(this.#folder, Number(execFileSync("id", ["-u", "postfix"])), 0);
    const command = [find("smtp-sink")!, ...(asRoot ? ["-u", "postfix"] : []), ...(lmtp ? ["-L"] : []), "-d", "m.", `127.0.0.1:${port}`, BACKLOG];
    this.server = new Server(port, command, this.#folder);
  }

  stored(): Omit<Stored, "at">[] {
    const dumps = readdirSync(this.#folder).map((name) => readFileSync(join(this.#folder, name), "latin1"));
    return dumps.filter((dump) => dump.endsWith(FINISHED)).map((dump) => ({
      recipients: [...dump.matchAll(/^X-Rcpt-Args: <([^>]+)>/gm)].map(([, address]) => address!),
      content: dump.slice(0, -1),
    }));
  }
}
