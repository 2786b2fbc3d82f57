// Octets: the ones SMTP names, the character classes of its grammar, and the way to text and back.
// RFC 5321 §2.3.8 (lines), §4.1.2 (classes); RFC 6531 §3.3 (what UTF-8 adds to them).

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const DOUBLE_QUOTE = 0x22;
export const COMMA = 0x2c;
export const HYPHEN = 0x2d;
export const DOT = 0x2e;
export const COLON = 0x3a;
export const LESS_THAN = 0x3c;
export const EQUALS = 0x3d;
export const GREATER_THAN = 0x3e;
export const QUESTION_MARK = 0x3f;
export const AT_SIGN = 0x40;
export const LEFT_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const RIGHT_BRACKET = 0x5d;
export const UNDERSCORE = 0x5f;

export const NO_OCTETS: Uint8Array = new Uint8Array(0);

/** An octet that is a lower case letter as the upper case one; any other as it is. */
export function upper(octet: number): number {
  return octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet;
}

/** Classes are bits, so that one look-up answers "is it any of these?". CR, LF, SP and the controls are in no class. */
export const DIGIT = 1 << 0;
export const HEXDIG = 1 << 1;
/** Letters, digits and non-ASCII octets: what a label may begin and end with. */
export const LET_DIG = 1 << 2;
/** LET_DIG and the hyphen: what a label may hold. */
export const LDH = 1 << 3;
export const ATEXT = 1 << 4;
export const QTEXT = 1 << 5;
export const DCONTENT = 1 << 6;
export const ESMTP_VALUE = 1 << 7;
export const PRINTABLE = 1 << 8;
export const NON_ASCII = 1 << 9;

/** Octet -> the classes it belongs to. */
export const CLASSES: Uint16Array = classes();

function classes(): Uint16Array {
  const table = new Uint16Array(256);
  const add = (bit: number, from: number, to = from): void => {
    for (let octet = from; octet <= to; octet++) table[octet]! |= bit;
  };
  const each = (bit: number, characters: string): void => {
    for (const character of characters) add(bit, character.charCodeAt(0));
  };
  add(DIGIT | HEXDIG | LET_DIG | LDH | ATEXT, 0x30, 0x39);
  add(LET_DIG | LDH | ATEXT, 0x41, 0x5a);
  add(LET_DIG | LDH | ATEXT, 0x61, 0x7a);
  each(HEXDIG, "ABCDEFabcdef");
  each(LDH, "-");
  each(ATEXT, "!#$%&'*+-/=?^_`{|}~"); // RFC 5322 §3.2.3
  add(QTEXT, 0x20, 0x21), add(QTEXT, 0x23, 0x5b), add(QTEXT, 0x5d, 0x7e);
  add(DCONTENT, 0x21, 0x5a), add(DCONTENT, 0x5e, 0x7e);
  add(ESMTP_VALUE, 0x21, 0x3c), add(ESMTP_VALUE, 0x3e, 0x7e);
  add(PRINTABLE, 0x21, 0x7e);
  add(NON_ASCII | LET_DIG | LDH | ATEXT | QTEXT | ESMTP_VALUE, 0x80, 0xff); // only where SMTPUTF8 allows them: verbs.ts
  return table;
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** The octets [from, to) as text; undefined where they are neither ASCII nor UTF-8. For short texts: one command line at the most. */
export function textOf(octets: Uint8Array, from: number, to: number): string | undefined {
  const codes = new Array<number>(to - from); // a view would cost more than all the rest (bench/lines.js)
  for (let at = from; at < to; at++) {
    if (octets[at]! >= 0x80) return utf8Of(octets.subarray(from, to));
    codes[at - from] = octets[at]!;
  }
  return String.fromCharCode(...codes);
}

/** Octets as UTF-8 text of any length; undefined where they are not UTF-8. */
export function utf8Of(octets: Uint8Array): string | undefined {
  try {
    return UTF_8.decode(octets);
  } catch {
    return undefined;
  }
}

export function octetsOf(text: string): Uint8Array {
  return ENCODER.encode(text);
}

export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0x80) return false;
  }
  return true;
}

/** base64 = base64-terminal / ( 1*( 4base64-char ) [ base64-terminal ] ) (RFC 4954 §8), with no bits left over (RFC 4648 §3.5) */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$/;

export function isBase64(text: string): boolean {
  return BASE64.test(text);
}

/** How many octets a text takes on the wire. */
export function octetLength(text: string): number {
  return isAscii(text) ? text.length : octetsOf(text).length;
}
