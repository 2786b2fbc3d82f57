// node nodemailer-relay.js PORT UPSTREAM: smtp-server, and nodemailer's pool behind it. A message is answered when upstream has it.

import { peer } from "../peers.js";
import { listenSmtpServer } from "./listen-smtp-server.js";

const { createTransport } = await peer("nodemailer");
const [port, upstream] = process.argv.slice(2).map(Number);
/** As many as there are clients, and none is given up. */
const pool = createTransport({ pool: true, host: "127.0.0.1", port: upstream, ignoreTLS: true, maxConnections: 20, maxMessages: Infinity });

await listenSmtpServer(port, (stream, { envelope }, done) => {
  const to = envelope.rcptTo.map((/** @type {{ address: string }} */ { address }) => address);
  pool.sendMail({ envelope: { from: envelope.mailFrom.address, to }, raw: stream }, done);
});
