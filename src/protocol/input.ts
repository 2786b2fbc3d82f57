// The receive buffer: the segment lent to us, and the start of a line whose end has not come. RFC 5321 §2.3.8.

import { CR, LF, NO_OCTETS } from "./bytes.js";
import { NO_LENIENCIES, type Leniency } from "./leniency.js";

/** What `findLine` found: no line end yet, a line, one that is longer than allowed, one with a bare CR or LF in it. */
export type Found = "dry" | "line" | "overlong" | "bare";

/**
 * A line is looked for once: octets seen in an earlier segment are not searched again, whatever the segmentation. A line within
 * one segment is a view; only one that spans segments is copied. Of a line that is too long nothing is kept.
 */
export class Input {
  /** The segment, and the part of it that is still to be read: [at, to). */
  octets: Uint8Array = NO_OCTETS;
  at = 0;
  to = 0;
  /** The line found, CRLF included: [lineFrom, lineTo) of `line`. Valid until `dropLine`. */
  line: Uint8Array = NO_OCTETS;
  lineFrom = 0;
  lineTo = 0;

  #found: Found = "dry";
  #carry: Uint8Array | undefined;
  #carried = 0;
  #afterCr = false;
  #bare = false;

  /** Lends octets. They are not copied, and not written to. Throws where some of those before have not been read yet. */
  receive(octets: Uint8Array): void {
    if (this.at < this.to) throw new Error("receive() before next() asked for input");
    this.octets = octets;
    this.at = 0;
    this.to = octets.length;
  }

  get empty(): boolean {
    return this.at === this.to;
  }

  /** Octets of a line that has not ended; infinitely many where it was too long. */
  get begun(): number {
    return this.#carried + this.to - this.at;
  }

  /** Everything was read: the segment is given back, so that an idle connection keeps none. */
  release(): void {
    this.octets = NO_OCTETS;
    this.at = this.to = 0;
  }

  /** Looks for a line of at most `most` octets. Found once, it stays found until it is dropped. */
  findLine(most: number, leniencies = NO_LENIENCIES): Found {
    if (this.#found === "dry" && !this.empty) this.#found = this.#search(most, leniencies);
    return this.#found;
  }

  /** Passes over octets, as many as are there. Gives how many there were. */
  skip(most: number): number {
    const octets = Math.min(most, this.to - this.at);
    this.at += octets;
    return octets;
  }

  /** Forgets all that was received. */
  clear(): void {
    this.dropLine();
    this.#afterCr = false;
    this.release();
  }

  /** Of the line found: not LF alone. */
  get lineEndsInCrlf(): boolean {
    return this.line[this.lineTo - 2] === CR;
  }

  dropLine(): void {
    this.#found = "dry";
    this.line = NO_OCTETS;
    this.#carry = undefined;
    this.#carried = 0;
    this.#bare = false;
  }

  #search(most: number, leniencies: ReadonlySet<Leniency>): Found {
    const from = this.at;
    const end = this.#lineEnd(leniencies);
    if (this.#carried > 0 || !end) this.#keep(from, most);
    if (!end) return "dry";
    const long = this.#carried > 0 ? this.#carried > most : this.at - from > most;
    const carried = this.#carried > 0 && !long;
    this.line = carried ? this.#carry! : this.octets;
    this.lineFrom = carried ? 0 : from;
    this.lineTo = carried ? this.#carried : this.at;
    return long ? "overlong" : this.#bare ? "bare" : "line";
  }

  /** Moves on to behind the line's end, or to the end of the segment. */
  #lineEnd(leniencies: ReadonlySet<Leniency>): boolean {
    const { octets, to } = this;
    let afterCr = this.#afterCr;
    let at = this.at;
    for (;;) {
      while (!afterCr && octets[at]! > CR) at += 1; // nearly all
      if (at >= to) break;
      const octet = octets[at]!;
      at += 1;
      if (octet === LF && (afterCr || leniencies.has("bare-lf"))) {
        this.#afterCr = false;
        this.at = at;
        return true;
      }
      if (afterCr || octet === LF) this.#bare = true;
      afterCr = octet === CR;
    }
    this.#afterCr = afterCr;
    this.at = to;
    return false;
  }

  /** Appends what was just read to the carry; past the limit nothing is kept. */
  #keep(from: number, most: number): void {
    const length = this.at - from;
    if (this.#carried + length > most) {
      this.#carry = undefined;
      this.#carried = Infinity;
    } else {
      if (this.#carry === undefined || this.#carry.length < most) this.#carry = roomFor(most, this.#carry);
      this.#carry.set(this.octets.subarray(from, this.at), this.#carried);
      this.#carried += length;
    }
  }
}

function roomFor(octets: number, kept = NO_OCTETS): Uint8Array {
  const room = new Uint8Array(octets);
  room.set(kept);
  return room;
}
