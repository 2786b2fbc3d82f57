// The engine without a socket: octets in, usual answers out.

import { Client, Server, settings } from "../dist/protocol/index.js";

export const HELLO = Buffer.from("EHLO client.example\r\n");
/** @typedef {import("../dist/protocol/index.js").Output} Output */

/** The application's part: what to say is the usual. */
const TOLD = new Set(["body", "abort", "output", "need-reply"]);

/** An engine behind EHLO. @param {ReturnType<typeof settings>} shared */
export function greeted(shared) {
  const server = new Server(shared);
  answer(server);
  feed(server, HELLO);
  return server;
}

/** @param {Server} server @param {Uint8Array} octets @returns {Output[]} what it says: a transport takes the text of it */
export function feed(server, octets) {
  server.receive(octets);
  return answer(server);
}

/** Answers all that is asked, as usual. @param {Server} server @returns {Output[]} what it says */
function answer(server) {
  const said = /** @type {Output[]} */ ([]);
  for (let step = server.next(); step.type !== "need-input"; step = server.next()) {
    if (step.type === "close") throw new Error("the session has ended");
    if (step.type === "output") said.push(step);
    else if (!TOLD.has(step.type)) server.reply();
  }
  return said;
}

/** Our client, and our server behind it. */
export class BothEnds {
  #client = new Client();
  /** @type {Server} */
  #server;

  /** @param {ReturnType<typeof settings>} shared */
  constructor(shared) {
    this.#server = new Server(shared);
    this.#hear(answer(this.#server));
    this.ask({ type: "EHLO", domain: "client.example" });
  }

  /** One command, or a group of them, and the replies. @param {import("../dist/protocol/index.js").Request[]} commands */
  ask(...commands) {
    for (const command of commands) this.#client.send(command);
    this.#exchange();
  }

  /** @param {Uint8Array} body */
  deliver(body) {
    this.#client.body(body);
    this.#exchange();
    this.#client.endBody();
    this.#exchange();
  }

  #exchange() {
    for (let said = this.#said(); said.length > 0; said = this.#said()) {
      for (const octets of said) this.#hear(feed(this.#server, octets));
    }
  }

  #said() {
    const said = [];
    for (let step = this.#client.next(); step.type !== "need-input"; step = this.#client.next()) {
      if (step.type === "close" || (step.type === "reply" && step.reply.code >= 400)) throw new Error("refused");
      if (step.type === "output") said.push(step.octets);
    }
    return said;
  }

  /** @param {Output[]} answers */
  #hear(answers) {
    for (const { octets } of answers) {
      this.#client.receive(octets);
      if (this.#said().length > 0) throw new Error("the client speaks out of turn");
    }
  }
}
