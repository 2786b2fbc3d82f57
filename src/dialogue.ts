// The dialogue of all connections as lines for a terminal: who said it, and what, control characters shown.

import { visible } from "./transport/visible.js";

/** A line is printed in pieces of this many octets at the most, so that a peer without line ends is not collected for ever. */
const LINE_OCTETS = 1000;

type Side = "client" | "server";

export class Dialogue {
  readonly #print: (line: string) => void;
  readonly #unfinished = new WeakMap<object, Record<Side, string>>();
  /** Those whose client says its credentials next. */
  readonly #secret = new WeakSet<object>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Takes octets as they come and go. `connection` tells one from another; `name` is what it is called. */
  take(connection: object, name: string, side: Side, octets: Uint8Array): void {
    const unfinished = this.#unfinished.get(connection) ?? { client: "", server: "" };
    this.#unfinished.set(connection, unfinished);
    const lines = `${unfinished[side]}${Buffer.from(octets).toString("latin1")}`.split("\r\n");
    unfinished[side] = lines.pop()!;
    for (const line of lines) this.#say(name, side, this.#discreet(connection, side, line));
    while (unfinished[side].length > LINE_OCTETS) {
      this.#say(name, side, unfinished[side].slice(0, LINE_OCTETS));
      unfinished[side] = unfinished[side].slice(LINE_OCTETS);
    }
  }

  /** What a client says with AUTH, and to its challenges, is nobody's business (RFC 4954 §4). */
  #discreet(connection: object, side: Side, line: string): string {
    if (side === "server") {
      if (line.startsWith("334")) this.#secret.add(connection);
      else this.#secret.delete(connection);
      return line;
    }
    return this.#secret.has(connection) ? "(credentials)" : line.replace(/^(AUTH +\S+ +)\S.*/i, "$1(credentials)");
  }

  #say(name: string, side: Side, line: string): void {
    const text = line.replace(/[\x80-\xff]+/g, (octets) => Buffer.from(octets, "latin1").toString());
    this.#print(visible(`${name} ${side === "client" ? "C" : "S"}: ${text}`));
  }
}
