// The dialogue of all connections as lines for a terminal: who said it, and what, control characters shown.

import { visible, type Peer, type Target } from "./transport/index.js";

/** A line is printed in pieces of this many octets at the most, so that a peer without line ends is not collected for ever. */
const LINE_OCTETS = 1000;

/** The sending end of SMTP and the receiving one: "C:" and "S:" in the RFCs. */
type Side = "C" | "S";

export class Dialogue {
  readonly #print: (line: string) => void;
  readonly #unfinished = new WeakMap<object, Record<Side, string>>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Takes octets to and from a client of ours, as they come and go. */
  readonly client = (peer: Peer, from: "client" | "server", octets: Uint8Array): void => {
    this.#take(peer, `${peer.address}:${peer.port}`, from === "client" ? "C" : "S", octets);
  };

  /** Takes those to and from the next hop. */
  readonly upstream = (target: Target, from: "us" | "upstream", octets: Uint8Array): void => {
    const { address } = target;
    this.#take(target, `upstream ${typeof address === "string" ? address : address.join(":")}`, from === "us" ? "C" : "S", octets);
  };

  #take(connection: object, name: string, side: Side, octets: Uint8Array): void {
    const unfinished = this.#unfinished.get(connection) ?? { C: "", S: "" };
    this.#unfinished.set(connection, unfinished);
    const lines = `${unfinished[side]}${Buffer.from(octets).toString("latin1")}`.split("\r\n");
    unfinished[side] = lines.pop()!;
    for (const line of lines) this.#say(name, side, line);
    while (unfinished[side].length > LINE_OCTETS) {
      this.#say(name, side, unfinished[side].slice(0, LINE_OCTETS));
      unfinished[side] = unfinished[side].slice(LINE_OCTETS);
    }
  }

  #say(name: string, side: Side, line: string): void {
    const text = line.replace(/[\x80-\xff]+/g, (octets) => Buffer.from(octets, "latin1").toString());
    this.#print(visible(`${name} ${side}: ${text}`));
  }
}
