// smtp-server as the benches run it: without logins and TLS, asking no DNS, and telling nobody.

import { peer } from "../peers.js";
import { answers } from "./answers.js";

/** @typedef {(stream: import("node:stream").Readable, session: any, done: (error?: Error | null) => void) => void} OnData */

/** @param {number} port @param {OnData} onData what becomes of a message */
export async function listenSmtpServer(port, onData) {
  const { SMTPServer } = await peer("smtp-server");
  answers();
  new SMTPServer({ authOptional: true, disabledCommands: ["AUTH", "STARTTLS"], disableReverseLookup: true, logger: false, onData })
    .on("error", () => {}).listen(port, "127.0.0.1");
}
