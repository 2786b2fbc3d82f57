// Replies as values (RFC 5321 §4.2): a code, an enhanced code (RFC 3463), lines of text, and the clause it rests on.

import { octetLength, QUESTION_MARK, utf8Of } from "./bytes.js";
import { LIMITS } from "./limits.js";

export interface Reply {
  /** Three digits: the first 2 to 5, the second 0 to 5 (§4.2). */
  readonly code: number;
  /** "5.1.1"; empty where none was given: in the place of it goes "5.0.0" (RFC 3463 §3.1). */
  readonly enhanced: string;
  /** One text or more, without CR and LF. */
  readonly lines: readonly string[];
  /** Where a standard asks for this reply: "RFC 5321 §4.1.4". Empty where it is the application's own. */
  readonly clause: string;
}

/** Makes a reply. A text may hold several lines, separated by LF. Throws RangeError for a code or an enhanced code that is none. */
export function reply(code: number, enhanced: string, text: string | readonly string[], clause = ""): Reply {
  if (!/^[2-5][0-5]\d$/.test(String(code))) throw new RangeError(`${code} is no reply code (RFC 5321 §4.2)`);
  if (enhanced !== "" && !(isEnhanced(enhanced) && Number(enhanced[0]) === Math.trunc(code / 100))) {
    throw new RangeError(`${enhanced} is no enhanced code for ${code} (RFC 2034 §4)`);
  }
  const lines = typeof text !== "string" ? text : text.includes("\n") ? text.split(/\r?\n/) : [text];
  if (!lines.every((line) => typeof line === "string")) throw new TypeError("a reply is made of text");
  return { code, enhanced, lines: lines.length > 0 ? lines : [""], clause };
}

/** Reads a reply written as one text: "550 5.7.1 Not today", lines separated by LF. Throws RangeError where it is none. */
export function parseReply(text: string): Reply {
  const digits = /^[2-5][0-5]\d(?=[ -]|$)/.exec(text)?.[0];
  if (digits === undefined) throw new RangeError("a reply begins with three digits (RFC 5321 §4.2)");
  const lines = text.split(/\r?\n/).map((line) => (line.startsWith(digits) && /^(?:[ -]|$)/.test(line.slice(3)) ? line.slice(4) : line));
  return reply(Number(digits), ...enhancedApart(digits, lines));
}

/** Reads replies line by line, as they come from a server (§4.2). */
export class ReplyReader {
  #digits = "";
  #lines: string[] = [];
  #octets = 0;

  /** Of the reply that is being read, with the CRLFs of its lines. */
  get octets(): number {
    return this.#octets;
  }

  /** Whether a reply has begun and not ended. */
  get begun(): boolean {
    return this.#lines.length > 0;
  }

  /**
   * Takes one line, without its CRLF. Gives the reply that ends with it, "more" where there is more to come, "malformed" where it
   * is no line of a reply. `enhanced`: enhanced codes are agreed on, and are taken out of the texts (RFC 2034 §4).
   */
  take(line: Uint8Array, enhanced: boolean): Reply | "more" | "malformed" {
    const [, digits, separator, text = ""] = REPLY_LINE.exec(textOf(line)) ?? [];
    if (digits === undefined || (this.begun && digits !== this.#digits)) return "malformed";
    this.#digits = digits;
    this.#lines.push(text);
    this.#octets += line.length + "\r\n".length;
    if (separator === "-") return "more";
    const lines = this.#lines;
    this.#lines = [];
    this.#octets = 0;
    return reply(understood(digits), ...(enhanced ? enhancedApart(digits, lines) : (["", lines] as const)));
  }
}

/** Reply-code [ ("-" / SP) textstring ], textstring = 1*(%d09 / %d32-126); and beyond ASCII where that was agreed on, or is old habit. */
const REPLY_LINE = /^([2-5]\d\d)(?:([ -])([^\x00-\x08\x0a-\x1f\x7f-\x9f]*))?$/;

/** Of a code outside the grammar ("571") the first digit counts, as always (§4.2.1). */
function understood(digits: string): number {
  return digits[1]! <= "5" ? Number(digits) : Number(`${digits[0]}50`);
}

/** Octets that are no UTF-8 become "?": there is no telling what they mean. */
function textOf(octets: Uint8Array): string {
  return utf8Of(octets) ?? utf8Of(octets.map((octet) => (octet < 0x80 ? octet : QUESTION_MARK)))!;
}

/** The enhanced code of a reply's first line, and its texts without it. */
function enhancedApart(digits: string, lines: readonly string[]): readonly [enhanced: string, lines: readonly string[]] {
  const first = lines[0]!.split(" ", 1)[0]!;
  if (!isEnhanced(first) || first[0] !== digits[0]) return ["", lines];
  return [first, lines.map((line) => withoutPrefix(line, first))];
}

export interface ReplyFormat {
  /** Whether enhanced codes are shown: in every line of a 2yz, 4yz or 5yz (RFC 2034 §4). */
  readonly enhanced: boolean;
  /** Whether the client asked for SMTPUTF8: texts may then be more than ASCII (RFC 6531 §3.7.4). */
  readonly utf8: boolean;
  readonly lineOctets: number;
}

/** formatReply() of a reply that is said again and again: the engine's own are kept as they go over the wire. */
export function formatted(given: Reply, format: ReplyFormat): string {
  const texts = format.utf8 || format.lineOctets !== LIMITS.replyLineOctets ? undefined : FORMATTED.get(given);
  if (texts === undefined) return formatReply(given, format);
  return format.enhanced ? (texts.enhanced ??= formatReply(given, format)) : (texts.plain ??= formatReply(given, format));
}

/** The reply as it goes over the wire. What is not printable becomes "?"; a text too long for a line goes on in a next one (§4.5.3.1.5). */
export function formatReply({ code, enhanced, lines }: Reply, format: ReplyFormat): string {
  const severity = severityOf(code);
  const prefix = format.enhanced && severity !== 3 ? `${enhanced === "" ? `${severity}.0.0` : enhanced} ` : "";
  const room = format.lineOctets - "250 \r\n".length - prefix.length;
  const plain = lines.every((line) => line.length <= room && PLAIN.test(line)); // nearly always
  const texts = plain ? lines : lines.flatMap((line) => wrap(printable(line, format.utf8), room));
  const last = texts.length - 1;
  const before = texts.slice(0, last).map((each) => `${code}-${prefix}${each}\r\n`).join("");
  return `${before}${code} ${prefix}${texts[last]}\r\n`;
}

const PLAIN = /^[\x09\x20-\x7e]*$/;

export type Severity = 2 | 3 | 4 | 5;

/** The first digit, which is all that decides (§4.2.1). */
export function severityOf(code: number): Severity {
  return Math.trunc(code / 100) as Severity;
}

export function isReply(value: object): value is Reply {
  return (value as Partial<Reply>).code !== undefined;
}

function isEnhanced(text: string): boolean {
  return /^[245]\.\d{1,3}\.\d{1,3}$/.test(text);
}

function withoutPrefix(line: string, enhanced: string): string {
  return line.split(" ", 1)[0] === enhanced ? line.slice(enhanced.length).trimStart() : line;
}

function printable(text: string, utf8: boolean): string {
  return text.replace(utf8 ? /[\x00-\x08\x0a-\x1f\x7f-\x9f]/gu : /[^\x09\x20-\x7e]/gu, "?");
}

/** Cuts a text into pieces of at most `room` octets, between characters. */
function wrap(text: string, room: number): string[] {
  if (text.length * 3 <= room) return [text]; // no character takes more octets than that for each unit of a string
  const pieces = [""];
  let octets = 0;
  for (const character of text) {
    const length = octetLength(character);
    octets += length;
    if (octets > room) {
      pieces.push("");
      octets = length;
    }
    pieces[pieces.length - 1] += character;
  }
  return pieces;
}

/** The replies the engine gives of its own accord, but those that name a host, a syntax or an offer. */
export const REPLIES = {
  ok: reply(250, "2.0.0", "OK", "RFC 5321 §4.2.2"),
  senderOk: reply(250, "2.1.0", "Sender OK", "RFC 5321 §3.3"),
  recipientOk: reply(250, "2.1.5", "Recipient OK", "RFC 5321 §3.3"),
  startMail: reply(354, "", "Start mail input; end with <CRLF>.<CRLF>", "RFC 5321 §4.1.1.4"),
  chunkTaken: reply(250, "2.0.0", "Chunk taken", "RFC 3030 §2"),
  accepted: reply(250, "2.0.0", "Message accepted", "RFC 5321 §4.1.1.4"),
  cannotExpand: reply(252, "2.0.0", "Cannot EXPN the list, but will accept message and attempt delivery", "RFC 5321 §3.5.3"),
  cannotVerify: reply(252, "2.0.0", "Cannot VRFY user, but will accept message and attempt delivery", "RFC 5321 §3.5.3"),

  commandUnknown: reply(500, "5.5.1", "Command not recognized", "RFC 5321 §4.2.4"),
  lineTooLong: reply(500, "5.5.2", "Line too long", "RFC 5321 §4.5.3.1.9"),
  bareInCommand: reply(500, "5.5.2", "A command ends with CRLF and holds no other CR or LF", "RFC 5321 §2.3.8"),
  notImplemented: reply(502, "5.5.1", "Command not implemented", "RFC 5321 §4.2.4"),
  inChunksAlone: reply(503, "5.5.1", "BODY=BINARYMIME comes with BDAT alone", "RFC 3030 §3"),
  needsTls: reply(530, "5.7.0", "Must issue a STARTTLS command first", "RFC 3207 §4"),
  cancelled: reply(501, "5.7.0", "Authentication cancelled", "RFC 4954 §4"),
  notBase64: reply(501, "5.5.2", "That is no base64", "RFC 4954 §4"),
  responseTooLong: reply(500, "5.5.6", "Authentication exchange line is too long", "RFC 4954 §6"),
  notInUse: reply(503, "5.5.1", "There is no mail service here; send QUIT", "RFC 5321 §3.1"),
  senderTooLong: reply(501, "5.1.7", "Path too long", "RFC 5321 §4.5.3.1.9"),
  recipientTooLong: reply(501, "5.1.3", "Path too long", "RFC 5321 §4.5.3.1.9"),
  parameterSyntax: reply(501, "5.5.4", "Syntax error in a parameter", "RFC 5321 §4.1.2"),
  parameterTwice: reply(501, "5.5.4", "A parameter is given twice", "RFC 5321 §4.3.2"),
  parameterUnknown: reply(555, "5.5.4", "Parameter not recognized or not implemented", "RFC 5321 §4.1.1.11"),
  topicUnknown: reply(504, "5.5.4", "There is no help on that", "RFC 5321 §4.1.1.8"),
  senderNeedsUtf8: reply(550, "5.6.7", "A non-ASCII address needs SMTPUTF8", "RFC 6531 §3.5"),
  recipientNeedsUtf8: reply(553, "5.6.7", "A non-ASCII address needs SMTPUTF8", "RFC 6531 §3.5"),
  nonAscii: reply(501, "5.5.2", "Non-ASCII octets are not allowed here", "RFC 5321 §4.1.2"),
  tooManyRecipients: reply(452, "4.5.3", "Too many recipients", "RFC 5321 §4.5.3.1.10"),
  messageTooBig: reply(552, "5.3.4", "Message size exceeds fixed maximum message size", "RFC 1870 §6.3"),
  bareInData: reply(550, "5.6.0", "Mail data holds a CR or LF that is not part of a CRLF", "RFC 5321 §2.3.8"),

  insufficientStorage: reply(452, "4.3.1", "Insufficient system storage", "RFC 5321 §4.2.2"),
  localError: reply(451, "4.3.0", "Local error in processing", "RFC 5321 §4.2.2"),
  notHandled: reply(451, "4.3.5", "Nothing here takes messages", "RFC 5321 §4.2.2"),
} as const;

const FORMATTED = new Map<Reply, { enhanced?: string; plain?: string }>(Object.values(REPLIES).map((each) => [each, {}]));
