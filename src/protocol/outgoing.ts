// What is on its way out: replies, which leave together when a pipelined group ends (RFC 2920 §3.2), or when there are very many; and
// commands, which leave when it is their turn (§3.1).

import { octetsOf } from "./bytes.js";
import type { Output } from "./step.js";

/** Made octets of when they are asked for. */
class TextOutput implements Output {
  readonly type = "output";
  readonly text: string;

  constructor(text: string) {
    this.text = text;
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
  readonly octets?: Uint8Array;
  /** How many replies it has. */
  readonly questions: number;
  /** There are credentials in it. */
  readonly secret?: boolean;
}

export class Turns {
  #waiting: Said[] = [];
  #questions = 0;

  /** How many replies those will have that wait. */
  get questions(): number {
    return this.#questions;
  }

  push(said: Said): void {
    this.#waiting.push(said);
    this.#questions += said.questions;
  }

  /** Commands for one write, at most so many, and up to the first that has a chunk: that is to follow. */
  take(most: number): { readonly output?: Output; readonly chunk?: Uint8Array | undefined } {
    const room = this.#waiting.slice(0, Math.max(0, most));
    const chunk = room.findIndex(({ octets }) => octets !== undefined);
    const turn = this.#waiting.splice(0, chunk < 0 ? room.length : chunk + 1);
    if (turn.length === 0) return {};
    for (const { questions } of turn) this.#questions -= questions;
    const octets = octetsOf(turn.map(({ text }) => text).join(""));
    const secret = turn.some((each) => each.secret === true);
    return { output: secret ? { type: "output", octets, secret } : { type: "output", octets }, chunk: turn.at(-1)!.octets };
  }

  drop(): void {
    this.#waiting = [];
    this.#questions = 0;
  }
}
