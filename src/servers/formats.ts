// The three ways in which the DebuggingServer prints a message. The frame, the option lines and X-Peer are those of Python's.

import { utf8Of } from "../protocol/index.js";
import { visible, type Peer } from "../transport/index.js";
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

const BEGIN = "---------- MESSAGE FOLLOWS ----------";
const END = "------------ END MESSAGE ------------";
const CR = 0x0d;
const LF = 0x0a;

/** The message as readable text: in a pipe its own octets, lines ended by LF; on a terminal as UTF-8, what is not shown as \xNN. */
function text(envelope: Envelope, terminal: boolean): Uint8Array {
  const { peer, data } = envelope;
  const lines = terminal ? linesOf(data).map((line) => Buffer.from(legible(line))) : linesOf(data);
  return framed(withPeer(lines, Buffer.from(`X-Peer: ${peer.address}`)), optionLines(envelope));
}

/** Octet for octet what Python 3's DebuggingServer prints: each line as the repr of a bytes object. */
function python(envelope: Envelope): Uint8Array {
  const upper = { mailOptions: envelope.mailOptions.map((option) => option.toUpperCase()), rcptOptions: [] };
  const lines = withPeer(pythonLines(envelope.data), Buffer.from(`X-Peer: ${envelope.peer.address}`));
  return framed(lines.map((line) => Buffer.from(`b${repr(line.toString("latin1"))}`)), optionLines(upper));
}

/** One JSON object a line: `data` where the message is UTF-8, `dataBase64` where it is not. */
function json(envelope: Envelope): Uint8Array {
  const { peer, client, mailfrom, rcpttos, mailOptions, rcptOptions, size, irregularities, data } = envelope;
  const decoded = utf8Of(data);
  const content = decoded === undefined ? { dataBase64: Buffer.from(data).toString("base64") } : { data: decoded };
  const printed = JSON.stringify({ peer, client, mailfrom, rcpttos, mailOptions, rcptOptions, size, irregularities, ...content });
  // JSON escapes C0 only; DEL, C1 and the rest of what a terminal obeys are escaped here, wherever it goes.
  return Buffer.from(`${escapeNonPrintable(printed)}\n`);
}

function framed(lines: readonly Buffer[], options: readonly string[]): Uint8Array {
  const all = [Buffer.from(BEGIN), ...options.map((line) => Buffer.from(line)), ...lines, Buffer.from(END)];
  return Buffer.concat(all.flatMap((line) => [line, NEW_LINE]));
}

const NEW_LINE = Buffer.from("\n");

/** The options of MAIL; those of the recipients are followed by an empty line, as they were. */
function optionLines({ mailOptions, rcptOptions }: Pick<MessageOptions, "mailOptions" | "rcptOptions">): string[] {
  const rcpt = rcptOptions.flat();
  const lines = mailOptions.length > 0 ? [`mail options: ${reprList(mailOptions)}`] : [];
  return rcpt.length > 0 ? [...lines, `rcpt options: ${reprList(rcpt)}`, ""] : lines;
}

/** X-Peer goes in front of the first empty line; a message without one gets none. */
function withPeer(lines: readonly Buffer[], peerLine: Buffer): Buffer[] {
  const at = lines.findIndex((line) => line.length === 0);
  return at < 0 ? [...lines] : [...lines.slice(0, at), peerLine, ...lines.slice(at)];
}

/** Cuts at CRLF alone. */
function linesOf(data: Uint8Array): Buffer[] {
  return split(data, (octets, at) => (octets[at] === CR && octets[at + 1] === LF ? 2 : 0));
}

/** Python joins the lines with LF, then cuts as bytes.splitlines does: at CR, LF and CRLF. */
function pythonLines(data: Uint8Array): Buffer[] {
  const joined = linesOf(data).flatMap((line, index) => (index === 0 ? [line] : [NEW_LINE, line]));
  const octets = Buffer.concat(joined);
  return split(octets, (all, at) => (all[at] === LF ? 1 : all[at] === CR ? (all[at + 1] === LF ? 2 : 1) : 0));
}

/** The lines of `data`; one that lacks its ending counts, an empty one at the very end does not. */
function split(data: Uint8Array, endingAt: (octets: Uint8Array, at: number) => number): Buffer[] {
  const octets = Buffer.from(data.buffer, data.byteOffset, data.length);
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = 0; at < octets.length; at++) {
    const ending = octets[at]! > CR ? 0 : endingAt(octets, at);
    if (ending === 0) continue;
    lines.push(octets.subarray(from, at));
    from = at + ending;
    at = from - 1;
  }
  if (from < octets.length) lines.push(octets.subarray(from));
  return lines;
}

/** A line for a terminal: UTF-8 as such, and octets that are not as \xNN. */
function legible(line: Buffer): string {
  const decoded = utf8Of(line);
  return visible(decoded ?? line.toString("latin1").replace(/[\x80-\xff]/g, hexOf));
}

function reprList(values: readonly string[]): string {
  return `[${values.map(repr).join(", ")}]`;
}

/** Python's repr of text whose characters are octets: its choice of quotes, its escapes. */
function repr(characters: string): string {
  const quote = characters.includes("'") && !characters.includes('"') ? '"' : "'";
  const escaped = characters.replace(/[\\\x00-\x1f\x7f-\xff'"]/g, (character) => {
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character;
    return SHORT_ESCAPES[character] ?? hexOf(character);
  });
  return `${quote}${escaped}${quote}`;
}

const SHORT_ESCAPES: { readonly [character: string]: string } = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function hexOf(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

function escapeNonPrintable(text: string): string {
  return text.replace(/[\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
