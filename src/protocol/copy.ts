// Octets that leave as they came, but for some that are dropped or put in: a copy, made only where there are such.

import { NO_OCTETS } from "./bytes.js";

/** From there on a call of set() costs less than a loop (bench/data.js, lines of 72). */
const WORTH_SET = 48;

/**
 * Where the copy of a short segment is put together, and taken from once its length is known. A view would keep the room for the most
 * that it might have been, and memory of its own, which costs more to get than the octets to read (bench/data.js, segments of 64 and one).
 */
const SCRATCH = new Uint8Array(256);

export class Copy {
  readonly #octets: Uint8Array;
  /** Up to there the octets are in the copy, or left out. */
  #done: number;
  readonly #room: number;
  #copy: Uint8Array | undefined;
  #length = 0;

  /** Of the octets from `from` on. Room for `room` octets is made at once, when the first one goes in. */
  constructor(octets: Uint8Array, from: number, room: number) {
    this.#octets = octets;
    this.#done = from;
    this.#room = room;
  }

  /** Leaves one out. */
  drop(at: number): void {
    this.#take(at);
    this.#done = at + 1;
  }

  /** Puts one in. */
  insert(at: number, octet: number): void {
    const copy = this.#take(at);
    copy[this.#length++] = octet;
  }

  /** Puts others in the place of [from, to). */
  replace(from: number, to: number, others: Uint8Array): void {
    this.#take(from).set(others, this.#length);
    this.#length += others.length;
    this.#done = to;
  }

  /** All up to `to`: the octets themselves, or a view of them, where nothing was dropped or put in. */
  content(to: number): Uint8Array {
    if (this.#copy !== undefined) {
      const copy = this.#take(to);
      return copy === SCRATCH ? first(SCRATCH, this.#length) : copy.subarray(0, this.#length);
    }
    if (this.#done >= to) return NO_OCTETS;
    const whole = this.#done === 0 && to === this.#octets.length; // a view costs as much as to read some octets (bench/data.js, segments of one)
    return whole ? this.#octets : this.#octets.subarray(this.#done, to);
  }

  #take(to: number): Uint8Array {
    const copy = (this.#copy ??= this.#room > SCRATCH.length ? new Uint8Array(this.#room) : SCRATCH);
    const octets = this.#octets;
    let at = this.#done;
    let length = this.#length;
    if (to - at > WORTH_SET) {
      copy.set(octets.subarray(at, to), length);
      length += to - at;
    } else {
      while (at < to) copy[length++] = octets[at++]!;
    }
    this.#length = length;
    this.#done = to;
    return copy;
  }
}

/** The first `length` octets, as an array of their own. */
export function first(octets: Uint8Array, length: number): Uint8Array {
  if (length > WORTH_SET) return octets.slice(0, length);
  const own = new Uint8Array(length);
  for (let at = 0; at < length; at++) own[at] = octets[at]!;
  return own;
}
