// node canned-relay.js PORT UPSTREAM: the least that a relay can do that ends the session itself. Transactions go to kept
// connections, octet for octet, and each chunk of them in one write.

import { connect, createServer } from "node:net";
import { EHLO, GREETING, Reader, REPLIES } from "../canned.js";
import { answers, listen } from "./answers.js";

/** @type {Hop[]} */
const idle = [];
const HELLO_OCTETS = GREETING.length + EHLO.length;

/** A kept connection. */
class Hop {
  socket = connect({ port: Number(process.argv[3]), host: "127.0.0.1", noDelay: true });
  /** @type {import("node:net").Socket | undefined} */
  client;
  /** A message has been sent: its answer comes, and then it is free. */
  ending = false;
  #own = 0;

  constructor() {
    this.socket.write("EHLO canned\r\n");
    this.socket.on("error", () => this.client?.destroy());
    this.socket.on("drain", () => this.client?.resume());
    this.socket.on("data", (chunk) => {
      const skipped = Math.min(chunk.length, HELLO_OCTETS - this.#own); // the answers to what it has said itself
      this.#own += skipped;
      if (skipped === chunk.length) return;
      this.client?.write(skipped === 0 ? chunk : chunk.subarray(skipped));
      if (!this.ending) return;
      this.ending = false;
      idle.push(this);
    });
  }
}

answers();
listen(createServer({ noDelay: true }, (socket) => {
  const reader = new Reader();
  /** @type {Hop | undefined} */
  let hop;
  socket.on("error", () => socket.destroy());
  socket.write(GREETING);
  socket.on("data", (chunk) => {
    let from = 0;
    let to = 0;
    const pass = () => {
      if (to > from && hop?.socket.write(chunk.subarray(from, to)) === false) socket.pause();
      from = to;
    };
    reader.read(chunk, (name, lineFrom, lineTo) => {
      if (name === "Q" || name === "E" || name === "H") {
        pass();
        if (name === "Q") socket.end(REPLIES.Q);
        else socket.write(EHLO);
        from = lineTo;
      }
      if (name === "M") hop ??= idle.pop() ?? new Hop();
      if (hop !== undefined) hop.client = socket;
      to = lineTo;
    }, (_, dataTo, last) => {
      to = dataTo;
      if (!last || hop === undefined) return;
      pass();
      hop.ending = true;
      hop = undefined;
    });
    pass();
  });
}));
