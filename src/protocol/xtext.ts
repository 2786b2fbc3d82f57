// xtext: how a parameter's value holds what cannot stand in one. RFC 3461 §4; for AUTH= RFC 4954 §5, §8.

import { octetsOf, utf8Of } from "./bytes.js";
import { Scan } from "./scan.js";
import { mailbox, type Path } from "./syntax.js";

/** xtext = *( xchar / hexchar ), xchar = %d33-126 but "+" and "=", hexchar = "+" and two digits, in upper case */
const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;

/** Reads xtext. Undefined where it is none, or stands for controls (but HTAB), or for what is no UTF-8. */
export function parseXtext(xtext: string): string | undefined {
  if (!XTEXT.test(xtext)) return undefined;
  const pieces = xtext.match(/\+..|[^+]/g) ?? [];
  const text = utf8Of(Uint8Array.from(pieces, (piece) => (piece.length > 1 ? parseInt(piece.slice(1), 16) : piece.charCodeAt(0))));
  return text === undefined || /[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(text) ? undefined : text;
}

/** Writes xtext. */
export function formatXtext(text: string): string {
  return Array.from(octetsOf(text), (octet) => {
    const character = String.fromCharCode(octet);
    return character !== "+" && XTEXT.test(character) ? character : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** The value of AUTH= on MAIL: who submitted the message; null for "<>", nobody knows (RFC 4954 §5). Its digits may be of either case (§8). */
export function parseSubmitter(xtext: string): Path | null | undefined {
  const text = parseXtext(xtext.replace(/\+[0-9a-f]{2}/gi, (hexchar) => hexchar.toUpperCase()));
  if (text === undefined || text === "<>") return text && null;
  const scan = new Scan(octetsOf(`${text}\r\n`), 0);
  const found = mailbox(scan);
  return scan.atEnd ? found : undefined;
}
