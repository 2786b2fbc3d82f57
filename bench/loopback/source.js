// Postfix's smtp-source as a generator: it costs little, and waits for every reply.

import { program } from "../peers.js";
import { run } from "../processes.js";

/** No round takes as long, of whatever server. */
export const PATIENCE_MS = 60_000;
const SOURCE = program("smtp-source");
/** Why it cannot be used, if so. @type {{ absent?: string }} */
export const NO_SOURCE = SOURCE === undefined ? { absent: "no smtp-source; Debian's postfix has it" } : {};

/** @param {string[]} args its options @returns {(port: number, messages: number) => Promise<number>} what sends so many messages, and gives seconds */
export function source(...args) {
  return (port, messages) => run({ command: SOURCE ?? "", args: [...args, "-m", String(messages), "-f", "a@example.com", "-t", "b@example.org", `inet:127.0.0.1:${port}`] }, PATIENCE_MS);
}
