// The three ways in which the DebuggingServer prints a message. The frame, the option lines and X-Peer are those of Python's.
// Each is one pass over the octets: nothing is made for a line or a character, of which there may be thirty million.

import { utf8Of } from "../protocol/index.js";
import type { Peer } from "../transport/index.js";
import { isObeyed, shown } from "../transport/visible.js";
import { Octets } from "./octets.js";
import type { MessageOptions } from "./smtp-server.js";

/** A message and its envelope, as processMessage gets them. */
export interface Envelope extends MessageOptions {
  readonly peer: Peer;
  readonly mailfrom: string;
  readonly rcpttos: readonly string[];
  /** As it came, with CRLFs. */
  readonly data: Uint8Array;
}

/** Makes octets for standard output of a message. For a terminal, control characters are shown, not obeyed. */
export type Format = (envelope: Envelope, terminal: boolean) => Uint8Array;

export const FORMATS = { text, python, json } as const satisfies Record<string, Format>;
export type FormatName = keyof typeof FORMATS;

const BEGIN = "---------- MESSAGE FOLLOWS ----------\n";
const END = "------------ END MESSAGE ------------\n";
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;

/** The message as readable text: in a pipe its own octets, lines ended by LF; on a terminal UTF-8, and the rest as \xNN. */
function text(envelope: Envelope, terminal: boolean): Uint8Array {
  return framed(envelope.peer, envelope.data, envelope, atCrlf, terminal ? legible : asItIs);
}

/** Octet for octet what Python 3's DebuggingServer prints: each line as the repr of a bytes object. */
function python(envelope: Envelope): Uint8Array {
  const { peer, data } = envelope;
  const last = data.length - 2;
  const cut = data[last] === CR && data[last + 1] === LF ? data.subarray(0, last) : data; // Python's lacks its last line ending
  const options = { mailOptions: envelope.mailOptions.map((option) => option.toUpperCase()), rcptOptions: [] };
  return framed(peer, cut, options, atAnyLineEnd, (out, data, from, to) => {
    out.push(0x62);
    repr(out, data, from, to);
  });
}

/** One JSON object a line: `data` where the message is UTF-8, `dataBase64` where it is not. */
function json({ peer, forwarded, client, mailfrom, rcpttos, mailOptions, rcptOptions, size, irregularities, data }: Envelope): Uint8Array {
  const decoded = utf8Of(data);
  const content = decoded === undefined ? { dataBase64: Buffer.from(data).toString("base64") } : { data: decoded };
  const printed = Buffer.from(JSON.stringify({ peer, forwarded, client, mailfrom, rcpttos, mailOptions, rcptOptions, size, irregularities, ...content }));
  // JSON escapes C0 alone; whatever else a terminal obeys is escaped here, wherever it goes.
  const out = new Octets();
  legible(out, printed, 0, printed.length, inJson);
  out.push(LF);
  return out.take();
}

type LineEnd = (data: Uint8Array, at: number) => number;
type PrintLine = (out: Octets, data: Uint8Array, from: number, to: number) => void;

/** The frame, the option lines, and the lines of the message; X-Peer goes in front of the first empty one, if there is one. */
function framed(peer: Peer, data: Uint8Array, options: Options, lineEnd: LineEnd, printLine: PrintLine): Uint8Array {
  const out = new Octets();
  const peerLine = Buffer.from(`X-Peer: ${peer.address}`);
  let inHeaders = true;
  const line = (from: number, to: number): void => {
    if (inHeaders && from === to) {
      inHeaders = false;
      printLine(out, peerLine, 0, peerLine.length);
      out.push(LF);
    }
    printLine(out, data, from, to);
    out.push(LF);
  };
  out.print(BEGIN + optionLines(options));
  let from = 0;
  for (let at = 0; at < data.length; at++) {
    const ending = data[at]! > CR ? 0 : lineEnd(data, at);
    if (ending === 0) continue;
    line(from, at);
    from = at + ending;
    at = from - 1;
  }
  if (from < data.length) line(from, data.length);
  out.print(END);
  return out.take();
}

/** How many octets end a line here. */
const atCrlf: LineEnd = (data, at) => (data[at] === CR && data[at + 1] === LF ? 2 : 0);

/** As bytes.splitlines has it, after Python has made LF of CRLF: CR, LF, CRLF, and a CR in front of CRLF. */
const atAnyLineEnd: LineEnd = (data, at) => {
  if (data[at] === LF) return 1;
  if (data[at] !== CR) return 0;
  if (data[at + 1] === LF) return 2;
  return data[at + 1] === CR && data[at + 2] === LF ? 3 : 1;
};

const asItIs: PrintLine = (out, data, from, to) => {
  if (from < to) out.append(data.subarray(from, to));
};

type Options = Pick<MessageOptions, "mailOptions" | "rcptOptions">;

/** The options of MAIL; those of the recipients are followed by an empty line, as they were. */
function optionLines({ mailOptions, rcptOptions }: Options): string {
  const rcpt = rcptOptions.flat();
  const mailLine = mailOptions.length > 0 ? `mail options: ${reprList(mailOptions)}\n` : "";
  return rcpt.length > 0 ? `${mailLine}rcpt options: ${reprList(rcpt)}\n\n` : mailLine;
}

function reprList(values: readonly string[]): string {
  const out = new Octets();
  for (const [index, value] of values.entries()) {
    out.print(index === 0 ? "" : ", ");
    const octets = Buffer.from(value);
    repr(out, octets, 0, octets.length);
  }
  return `[${Buffer.from(out.take()).toString()}]`;
}

/** Python's repr of octets: its choice of quotes, its escapes. */
function repr(out: Octets, data: Uint8Array, from: number, to: number): void {
  const quote = quoteFor(data, from, to);
  out.push(quote);
  for (let at = from; at < to; at++) {
    const octet = data[at]!;
    const escape = ESCAPES[octet];
    if (escape !== undefined) out.append(escape);
    else if (octet === quote) out.append(ESCAPED_APOSTROPHE); // the other quote is chosen only if it is not in there
    else out.push(octet);
  }
  out.push(quote);
}

/** The apostrophe, unless there is one inside and no quotation mark. */
function quoteFor(data: Uint8Array, from: number, to: number): number {
  let apostrophes = 0;
  for (let at = from; at < to; at++) {
    if (data[at] === QUOTE) return APOSTROPHE;
    if (data[at] === APOSTROPHE) apostrophes += 1;
  }
  return apostrophes > 0 ? QUOTE : APOSTROPHE;
}

const SHORT_ESCAPES: { readonly [octet: number]: string } = { 0x5c: "\\\\", 0x09: "\\t", 0x0a: "\\n", 0x0d: "\\r" };
const ESCAPED_APOSTROPHE = Buffer.from("\\'");

/** Octet -> what Python writes for it, where that is not the octet itself. */
const ESCAPES: readonly (Uint8Array | undefined)[] = Array.from({ length: 256 }, (_, octet) => {
  const short = SHORT_ESCAPES[octet];
  if (short !== undefined) return Buffer.from(short);
  return octet < 0x20 || octet > 0x7e ? Buffer.from(shown(octet)) : undefined;
});

const onTerminal = escape(shown);
const inJson = escape((code) => `\\u${code.toString(16).padStart(4, "0")}`);

/** UTF-8 as it is, but what a terminal would obey, and octets that are no UTF-8, in a form that it shows. */
function legible(out: Octets, data: Uint8Array, from: number, to: number, escaped = onTerminal): void {
  for (let at = from; at < to; ) {
    const octet = data[at]!;
    if (octet >= 0x20 && octet < 0x7f) {
      out.push(octet);
      at += 1;
      continue;
    }
    const length = octet < 0x80 ? 1 : utf8Length(data, at, to);
    const code = length < 2 ? octet : codePoint(data, at, length);
    if (length === 0 || isObeyed(code)) out.append(escaped(code));
    else out.append(data.subarray(at, at + length));
    at += Math.max(1, length);
  }
}

/** How many octets the character here has; 0 where they are no UTF-8 (RFC 3629 §4). */
function utf8Length(data: Uint8Array, at: number, to: number): number {
  const first = data[at]!;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > to) return 0;
  for (let next = at + 1; next < at + length; next++) {
    if ((data[next]! & 0xc0) !== 0x80) return 0;
  }
  const code = codePoint(data, at, length);
  const overlong = code < (length === 3 ? 0x800 : length === 4 ? 0x10000 : 0);
  return overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

function codePoint(data: Uint8Array, at: number, length: number): number {
  let code = data[at]! & (0x7f >> length);
  for (let next = at + 1; next < at + length; next++) code = (code << 6) | (data[next]! & 0x3f);
  return code;
}

/** Octets to put in the place of a character; each is made once. */
type Escape = (code: number) => Uint8Array;

function escape(write: (code: number) => string): Escape {
  const made: Uint8Array[] = [];
  return (code) => (made[code] ??= Buffer.from(write(code)));
}
