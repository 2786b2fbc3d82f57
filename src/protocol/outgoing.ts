// What is on its way out: replies, which leave together when a pipelined group ends (RFC 2920 §3.2), or when there are very many; and
// commands, which leave when it is their turn (§3.1).

import { octetsOf } from "./bytes.js";
import type { Output } from "./step.js";

/** Made octets of when they are asked for. */
class TextOutput implements Output {
  readonly type = "output";
  readonly text: string;
  declare readonly secret?: true;

  constructor(text: string, secret = false) {
    this.text = text;
    if (secret) this.secret = true;
  }

  get octets(): Uint8Array {
    return octetsOf(this.text);
  }
}

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
    const output = new TextOutput(this.#text);
    this.drop();
    return output;
  }

  /** The peer is gone: nobody hears it. */
  drop(): void {
    this.#text = "";
    this.#flush = false;
  }
}

/** A command, with a chunk behind it. */
export interface Said {
  readonly text: string;
  readonly octets: Uint8Array | undefined;
  /** How many replies it has. */
  readonly questions: number;
  /** There are credentials in it. */
  readonly secret: boolean;
}

export class Turns {
  #waiting: Said[] = [];
  #questions = 0;
  #chunk: Uint8Array | undefined;

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** How many replies those will have that wait. */
  get questions(): number {
    return this.#questions;
  }

  push(said: Said): void {
    this.#waiting.push(said);
    this.#questions += said.questions;
  }

  /** Commands for one write, at most so many, and up to the first that has a chunk: takeChunk() gives what is to follow. */
  take(most: number): Output | undefined {
    if (most <= 0) return undefined;
    const room = Math.min(most, this.#waiting.length);
    let taken = 0;
    let text = "";
    let secret = false;
    while (taken < room && this.#chunk === undefined) {
      const said = this.#waiting[taken]!;
      taken += 1;
      text += said.text;
      secret ||= said.secret;
      this.#questions -= said.questions;
      this.#chunk = said.octets;
    }
    if (taken === this.#waiting.length) this.#waiting = []; // nearly always
    else this.#waiting.splice(0, taken);
    return new TextOutput(text, secret);
  }

  takeChunk(): Uint8Array | undefined {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    return chunk;
  }

  drop(): void {
    this.#waiting = [];
    this.#questions = 0;
  }
}
