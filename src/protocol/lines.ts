// Passes over ordinary lines of mail data: those that end with CRLF (RFC 5321 §2.3.8). It looks at four octets at a time, since
// nearly all are neither CR nor LF, or lets kernel.ts look at 64; what is out of the ordinary is left to data.ts, octet by octet.

import { CR, DOT, LF } from "./bytes.js";
import type { Copy } from "./copy.js";
import { kernel, REACH, type Dots, type Passed } from "./kernel.js";

/** In less octets nothing is passed over: to look at words costs more than it saves (bench/data.js, segments of 64). */
const WORTH_WORDS = 64;
/** What gets no further is not tried again for as many octets as it is worth for (bench/data.js, bare LFs). */
const LITTLE = 8;
/** In less octets the kernel costs more than it saves (bench/data.js, segments of 1460); where it gets no further, it is not tried again for as many. */
const WORTH_KERNEL = 1024;
/** And without a segment of so many it is not made, which takes as long as to read half a megabyte without it. */
const WORTH_MAKING = 16_384;

/** Further than any segment reaches, and still a small number, which costs less to keep than Infinity (bench/data.js, segments of one octet). */
const NEVER = 2 ** 30 - 1;

const WORD_OCTETS = Int32Array.BYTES_PER_ELEMENT;
const LOW_7_BITS = 0x7f7f7f7f;
/** Added to the low seven bits of an octet, it sets the high one, unless they are 0x0D or less. */
const ABOVE_CR = 0x72727272;
const HIGH_BITS = 0x80808080 | 0;

let kernelMade = false;

export class Lines implements Passed {
  begin: number;
  long = 0;
  bits = 0;
  readonly #octets: Uint8Array;
  readonly #to: number;
  readonly #most: number;
  /** Made when first looked at: the kernel may leave nothing to them. */
  #words: Int32Array | undefined;
  /** Octets in front of the first word: words stand at addresses that are multiples of four. */
  #before = 0;
  /** In front of these places, words and the kernel are not tried. */
  #wordsFrom = NEVER;
  #kernelFrom = NEVER;
  #loadedTo = 0;

  /** Of the octets [from, to), with lines of at most `most` octets, CRLF included. */
  constructor(octets: Uint8Array, from: number, to: number, most = Infinity) {
    this.begin = from;
    this.#octets = octets;
    this.#to = to;
    this.#most = most;
    if (to - from < WORTH_WORDS) return;
    this.#before = -octets.byteOffset & (WORD_OCTETS - 1);
    this.#wordsFrom = from;
    kernelMade ||= to - from >= WORTH_MAKING;
    if (kernelMade) this.#kernelFrom = from;
  }

  /**
   * Goes on to where octets have to be looked at, one by one: a CR or LF that is not part of a CRLF, as far as can be told, or the
   * end. To dots that begin lines is done what is to be done; one to be dropped that CR or LF follows, or nothing, is such a place.
   * `begins`: a line begins at `from`.
   */
  pass(from: number, begins: boolean, dots: Dots, copy: Copy): number {
    if (from < this.#wordsFrom) return from;
    const at = this.#passBlocks(from, begins, dots, copy);
    const passedTo = this.#passLines(at, at === from ? begins : this.#octets[at - 1] === LF, dots, copy);
    if (passedTo - from < LITTLE) this.#wordsFrom = passedTo + WORTH_WORDS;
    return passedTo;
  }

  /** A line has ended, and one begins. */
  newLine(at: number): void {
    if (at - this.begin > this.#most) this.long += 1;
    this.begin = at;
  }

  #passLines(from: number, begins: boolean, dots: Dots, copy: Copy): number {
    const octets = this.#octets;
    const to = this.#to;
    let at = from;
    let beginsHere = begins;
    do {
      if (beginsHere && octets[at] === DOT && dots !== "keep") {
        if (dots === "double") {
          copy.insert(at, DOT);
        } else {
          if (at + 1 >= to || octets[at + 1] === CR || octets[at + 1] === LF) return at;
          copy.drop(at);
          this.begin = at + 1;
        }
        at += 1;
      }
      at = this.#lineEnd(at);
      beginsHere = at + 2 < to && octets[at] === CR && octets[at + 1] === LF;
      if (beginsHere) {
        at += 2;
        this.newLine(at);
      }
    } while (beginsHere);
    return at;
  }

  /** As far as the kernel goes. */
  #passBlocks(from: number, begins: boolean, dots: Dots, copy: Copy): number {
    const octets = this.#octets;
    const to = this.#to;
    let at = from;
    while (at >= this.#kernelFrom && to - at >= WORTH_KERNEL) {
      const blocks = kernel();
      if (blocks === undefined) return at;
      if (this.#loadedTo - at < REACH) this.#loadedTo = blocks.load(octets, at, to);
      const passedTo = blocks.pass(this, at, at === from ? begins : octets[at - 1] === LF, dots, this.#most);
      const { put } = blocks;
      if (put !== undefined) copy.replace(at, passedTo, put);
      if (passedTo - at < WORTH_KERNEL) this.#kernelFrom = passedTo + WORTH_KERNEL;
      at = passedTo;
      if (this.#loadedTo - at > REACH) return at;
    }
    return at;
  }

  /** The place of the next CR or LF from `from` on; the end of the octets where there is none. */
  #lineEnd(from: number): number {
    const octets = this.#octets;
    const to = this.#to;
    const before = this.#before;
    let at = from;
    let bits = 0;
    const aligned = Math.min(to, at + ((before - at) & (WORD_OCTETS - 1)));
    for (; at < aligned; at++) {
      const octet = octets[at]!;
      if (octet === CR || octet === LF) return at;
      this.bits |= octet;
    }
    const words = (this.#words ??= new Int32Array(octets.buffer, octets.byteOffset + before, (to - before) >> 2));
    const length = words.length;
    let nth = (at - before) >> 2;
    if (nth < length) {
      for (; nth < length; nth++) {
        const word = words[nth]!;
        // An 8-bit octet has its high bit anyway. The sum of two low parts carries nothing into the next octet.
        if (((((word & LOW_7_BITS) + ABOVE_CR) | word) & HIGH_BITS) !== HIGH_BITS) break;
        bits |= word;
      }
      at = before + nth * WORD_OCTETS;
      bits = (bits | (bits >> 8) | (bits >> 16) | (bits >> 24)) & 0xff;
    }
    for (; at < to; at++) {
      const octet = octets[at]!;
      if (octet === CR || octet === LF) break;
      bits |= octet;
    }
    this.bits |= bits;
    return at;
  }
}
