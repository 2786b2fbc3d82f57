// Replies on their way out: they leave together, when a pipelined group ends (RFC 2920 §3.2), or when there are very many.

import { octetsOf } from "./bytes.js";
import type { Output } from "./step.js";

export class Outgoing {
  #text = "";
  #flush = false;

  get empty(): boolean {
    return this.#text === "";
  }

  put(text: string, flush: boolean): void {
    this.#text += text;
    this.#flush ||= flush;
  }

  /** Nothing more belongs to the group. */
  flush(): void {
    this.#flush = true;
  }

  /** `most` octets are not held back any longer. */
  mayLeave(most: number): boolean {
    return this.#text !== "" && (this.#flush || this.#text.length >= most);
  }

  take(): Output {
    const octets = octetsOf(this.#text);
    this.drop();
    return { type: "output", octets };
  }

  /** The peer is gone: nobody hears it. */
  drop(): void {
    this.#text = "";
    this.#flush = false;
  }
}
