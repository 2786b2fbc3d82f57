// The verb at the start of a command line (RFC 5321 §4.1.1). Nearly all have four letters: they are told apart as one number, so that
// the same few words are not made of octets again and again (bench/lines.js).

import { HTAB, octetsOf, SP } from "./bytes.js";
import type { Scan } from "./scan.js";
import { asciiLdh, esmtpKeyword } from "./syntax.js";
import { COMMANDS } from "./verbs.js";

/** The verb of a command in upper case, empty where there is none: letters (digits for private ones), then SP or the end. */
export function verb(scan: Scan): string {
  const word = fourLetters(scan) ?? scan.take(esmtpKeyword)?.toUpperCase() ?? "";
  return scan.octet === SP || scan.octet === HTAB || scan.atEnd ? word : "";
}

const FOUR_LETTERS: ReadonlyMap<number, string> = new Map(
  Object.keys(COMMANDS).filter((each) => /^[A-Z]{4}$/.test(each)).map((each) => [numberOf(octetsOf(each), 0), each]),
);

function fourLetters(scan: Scan): string | undefined {
  const { octets, at } = scan;
  const found = FOUR_LETTERS.get(numberOf(octets, at));
  if (found === undefined || asciiLdh(octets, at) !== at + found.length) return undefined;
  scan.at += found.length;
  return found;
}

/** Four octets, letters in upper case; what is no letter becomes none. */
function numberOf(octets: Uint8Array, at: number): number {
  return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) & 0xdfdfdfdf;
}
