// node tcp-proxy.js PORT UPSTREAM: passes octets on, and knows nothing of SMTP.

import { connect, createServer } from "node:net";
import { answers, listen } from "./answers.js";

answers();
listen(createServer({ noDelay: true }, (socket) => {
  const next = connect({ port: Number(process.argv[3]), host: "127.0.0.1", noDelay: true });
  socket.on("error", () => next.destroy());
  next.on("error", () => socket.destroy());
  socket.pipe(next).pipe(socket);
}));
