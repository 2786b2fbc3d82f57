// The words that commands are made of: verbs, and the keywords of parameters (RFC 5321 §4.1.1, §4.1.2). They are few, and said again
// and again: one that is known is found by its octets, and no text is made of them (bench/lines.js).

import { HTAB, octetsOf, SP, upper } from "./bytes.js";
import { FAIL, stands, type Scan } from "./scan.js";
import { esmtpKeyword } from "./syntax.js";

/** Words in upper case, found in any. */
export class Words {
  readonly #words = new Map<number, string>();

  constructor(words: Iterable<string> = []) {
    for (const word of words) this.#words.set(numberOf(octetsOf(word), 0, word.length), word);
  }

  /** The word that stands in [from, to); undefined where it is none of these. */
  find(octets: Uint8Array, from: number, to: number): string | undefined {
    const word = this.#words.get(numberOf(octets, from, to));
    return word !== undefined && word.length === to - from && stands(word, octets, from) ? word : undefined;
  }
}

/** One that two words hardly share; the same for a word in any case. */
function numberOf(octets: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = (number * 31 + upper(octets[at]!)) | 0;
  return number;
}

const NONE = new Words();

/** An esmtp-keyword in upper case; undefined, and nothing passed, where there is none. */
export function keyword(scan: Scan, known: Words = NONE): string | undefined {
  const { octets, at } = scan;
  const to = esmtpKeyword(octets, at);
  const word = to === FAIL ? undefined : known.find(octets, at, to);
  if (word === undefined) return scan.take(esmtpKeyword)?.toUpperCase();
  scan.at = to;
  return word;
}

/** The verb of a command in upper case, empty where there is none: letters (digits for private ones), then SP or the end. */
export function verb(scan: Scan, known?: Words): string {
  const word = keyword(scan, known) ?? "";
  return scan.octet === SP || scan.octet === HTAB || scan.atEnd ? word : "";
}
