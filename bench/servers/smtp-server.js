// node smtp-server.js PORT: smtp-server, and a handler that drops the message.

import { listenSmtpServer } from "./listen-smtp-server.js";

await listenSmtpServer(Number(process.argv[2]), (stream, _, done) => void stream.resume().on("end", done));
