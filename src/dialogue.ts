// The dialogue of all connections as lines for a terminal: who said it, and what, control characters shown.

import { visible, type Peer } from "./transport/index.js";

/** A line is printed in pieces of this many octets at the most, so that a peer without line ends is not collected for ever. */
const LINE_OCTETS = 1000;

type Side = "client" | "server";

export class Dialogue {
  readonly #print: (line: string) => void;
  readonly #unfinished = new WeakMap<Peer, Record<Side, string>>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Takes octets as they come and go. */
  readonly trace = (peer: Peer, from: Side, octets: Uint8Array): void => {
    const unfinished = this.#unfinished.get(peer) ?? { client: "", server: "" };
    this.#unfinished.set(peer, unfinished);
    const lines = `${unfinished[from]}${Buffer.from(octets).toString("latin1")}`.split("\r\n");
    unfinished[from] = lines.pop()!;
    for (const line of lines) this.#say(peer, from, line);
    while (unfinished[from].length > LINE_OCTETS) {
      this.#say(peer, from, unfinished[from].slice(0, LINE_OCTETS));
      unfinished[from] = unfinished[from].slice(LINE_OCTETS);
    }
  };

  #say(peer: Peer, from: Side, line: string): void {
    const text = line.replace(/[\x80-\xff]+/g, (octets) => Buffer.from(octets, "latin1").toString());
    this.#print(visible(`${peer.address}:${peer.port} ${from === "client" ? "C:" : "S:"} ${text}`));
  }
}
