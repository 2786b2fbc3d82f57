// node smtp-server.js PORT: smtp-server, and a handler that drops the message.

import { peer } from "../peers.js";
import { answers } from "./answers.js";

const { SMTPServer } = await peer("smtp-server");
answers();
new SMTPServer({
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  logger: false,
  /** @param {import("node:stream").Readable} stream @param {unknown} _ @param {() => void} done */
  onData(stream, _, done) {
    stream.resume().on("end", done);
  },
}).on("error", () => {}).listen(Number(process.argv[2]), "127.0.0.1");
