// A command line and the position in it: what every rule of the grammar (syntax.ts) and every row (verbs.ts) reads with.

import { CLASSES, CR, HTAB, LF, NON_ASCII, PRINTABLE, SP, textOf, upper } from "./bytes.js";
import { NO_LENIENCIES, type Leniency } from "./leniency.js";

export const FAIL = -1;
/** Octets and a position in them; gives the position behind what it matched, or FAIL. */
export type Rule = (octets: Uint8Array, at: number) => number;

const NOTHING: readonly Leniency[] = [];

/** A command line being read: its octets, CRLF included, how far the parser has come, and what it made use of on the way. */
export class Scan {
  readonly octets: Uint8Array;
  at: number;
  /** All that was taken so far is ASCII; of a line that is its path, until its parameters are read. */
  ascii = true;
  /** What was let pass so far, in order. */
  used: readonly Leniency[] = NOTHING;
  readonly #allowed: ReadonlySet<Leniency>;

  constructor(octets: Uint8Array, at: number, allowed = NO_LENIENCIES) {
    this.octets = octets;
    this.at = at;
    this.#allowed = allowed;
  }

  /** The next octet. */
  get octet(): number {
    return this.octets[this.at]!;
  }

  get atEnd(): boolean {
    return this.octet === CR || this.octet === LF;
  }

  /** Passes over one octet, if it is this one. */
  skip(octet: number): boolean {
    if (this.octet !== octet) return false;
    this.at += 1;
    return true;
  }

  /** Passes over spaces; says whether there was one. */
  skipSpaces(): boolean {
    const from = this.at;
    while (this.octet === SP || this.octet === HTAB) this.at += 1;
    return this.at > from;
  }

  /** Passes over a word, in any case (§2.4). Write it in upper case. */
  skipWord(word: string): boolean {
    if (!stands(word, this.octets, this.at)) return false;
    this.at += word.length;
    return true;
  }

  /** The text that a rule matches here; undefined, and nothing passed, where it does not match or is not UTF-8. */
  take(rule: Rule): string | undefined {
    const to = rule(this.octets, this.at);
    const text = to === FAIL ? undefined : textOf(this.octets, this.at, to);
    if (text === undefined) return undefined;
    if (text.length < to - this.at) this.ascii = false; // all characters beyond take more octets than units
    this.at = to;
    return text;
  }

  /** Whether something is let pass here. It counts as made use of then. */
  lenient(leniency: Leniency): boolean {
    const allowed = this.#allowed.has(leniency);
    if (allowed) this.used = [...this.used, leniency];
    return allowed;
  }

  /** What is left of the line, without the white space around it; undefined where it holds controls or is not UTF-8. */
  rest(): string | undefined {
    this.skipSpaces();
    return this.take(line)?.trimEnd();
  }
}

/** Whether a word stands there, in any case. It is in upper case itself. */
export function stands(word: string, octets: Uint8Array, at: number): boolean {
  for (let nth = 0; nth < word.length; nth++) {
    if (upper(octets[at + nth]!) !== word.charCodeAt(nth)) return false;
  }
  return true;
}

/** Printable octets, non-ASCII ones, spaces and tabs, up to the line's end. */
const line: Rule = (octets, at) => {
  while ((CLASSES[octets[at]!]! & (PRINTABLE | NON_ASCII)) !== 0 || octets[at] === SP || octets[at] === HTAB) at += 1;
  return octets[at] === CR || octets[at] === LF ? at : FAIL;
};

/** The position of the first octet that is not in a class. */
export function span(bit: number, octets: Uint8Array, at: number): number {
  while ((CLASSES[octets[at]!]! & bit) !== 0) at += 1;
  return at;
}
