// node canned.js PORT: says yes to everything, and counts it. One write for each chunk. It is the next hop of bench/relay.js, too.

import { createServer } from "node:net";
import { GREETING, Responder } from "../canned.js";
import { answers, listen } from "./answers.js";

const counts = { messages: 0, octets: 0 };
/** The next message is not read on for a while, once so many of its octets came. @type {{ octets: number, ms: number } | undefined} */
let pause;

answers({ usage: () => counts, pause: (value) => (pause = value) });
listen(createServer({ noDelay: true }, (socket) => {
  const responder = new Responder();
  socket.on("error", () => socket.destroy());
  socket.write(GREETING);
  socket.on("data", (chunk) => {
    const { messages, octets } = responder;
    const out = responder.receive(chunk);
    counts.messages += responder.messages - messages;
    counts.octets += responder.octets - octets;
    if (pause !== undefined && responder.begun > pause.octets) {
      setTimeout(() => socket.resume(), pause.ms);
      pause = undefined;
      socket.pause();
    }
    if (responder.quit) socket.end(out);
    else if (out !== "") socket.write(out);
  });
}));
