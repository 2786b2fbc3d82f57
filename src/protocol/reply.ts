// Replies as values (RFC 5321 §4.2): a code, an enhanced code (RFC 3463), lines of text, and the clause it rests on.

import { CR, HYPHEN, octetLength, QUESTION_MARK, SP, textOf, utf8Of } from "./bytes.js";
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
  if (!isCode(code)) throw new RangeError(`${code} is no reply code (RFC 5321 §4.2)`);
  if (enhanced !== "" && enhancedOf(code, enhanced) !== enhanced) throw new RangeError(`${enhanced} is no enhanced code for ${code} (RFC 2034 §4)`);
  const lines = typeof text !== "string" ? text : text.includes("\n") ? text.split(/\r?\n/) : [text];
  if (!lines.every((line) => typeof line === "string")) throw new TypeError("a reply is made of text");
  return { code, enhanced, lines: lines.length > 0 ? lines : [""], clause };
}

/** Reads a reply written as one text: "550 5.7.1 Not today", lines separated by LF. Throws RangeError where it is none. */
export function parseReply(text: string): Reply {
  const digits = /^[2-5][0-5]\d(?=[ -]|$)/.exec(text)?.[0];
  if (digits === undefined) throw new RangeError("a reply begins with three digits (RFC 5321 §4.2)");
  const lines = text.split(/\r?\n/).map((line) => (line.startsWith(digits) && /^(?:[ -]|$)/.test(line.slice(3)) ? line.slice(4) : line));
  const enhanced = enhancedOf(Number(digits), lines[0]!);
  return reply(Number(digits), enhanced, withoutEnhanced(enhanced, lines));
}

/** Reads replies line by line, as they come from a server (§4.2). */
export class ReplyReader {
  #code = 0;
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
   * Takes the line [from, to), CRLF included. Gives the reply that ends with it, "more" where there is more to come, "malformed" where
   * it is no line of a reply. `enhanced`: enhanced codes are agreed on, and are taken out of the texts (RFC 2034 §4).
   */
  take(octets: Uint8Array, from: number, to: number, enhanced: boolean): Reply | "more" | "malformed" {
    const code = codeAt(octets, from);
    const separator = octets[from + "250".length]!;
    const text = separator === SP || separator === HYPHEN ? textstring(octets, from + "250 ".length, to - "\r\n".length) : separator === CR ? "" : undefined;
    if (code === undefined || text === undefined || (this.begun && code !== this.#code)) return "malformed";
    this.#code = code;
    this.#lines.push(text);
    this.#octets += to - from;
    if (separator === HYPHEN) return "more";
    const lines = this.#lines;
    this.#lines = [];
    this.#octets = 0;
    const shown = enhanced ? enhancedOf(code, lines[0]!) : "";
    return { code: understood(code), enhanced: shown, lines: withoutEnhanced(shown, lines), clause: "" };
  }
}

/** Reply-code = %x32-35 2DIGIT — undefined where there is none. What is no octet of the line is no digit. */
function codeAt(octets: Uint8Array, at: number): number | undefined {
  const [severity, category, detail] = [octets[at]! - 0x30, octets[at + 1]! - 0x30, octets[at + 2]! - 0x30];
  const digits = severity >= 2 && severity <= 5 && category >= 0 && category <= 9 && detail >= 0 && detail <= 9;
  return digits ? severity * 100 + category * 10 + detail : undefined;
}

/** Of a code outside the grammar (571) the first digit counts, as always (§4.2.1). */
function understood(code: number): number {
  const severity = Math.trunc(code / 100);
  return code < severity * 100 + 60 ? code : severity * 100 + 50;
}

/** textstring = 1*(%d09 / %d32-126); and beyond ASCII where that was agreed on, or is old habit. Undefined where it is none. */
function textstring(octets: Uint8Array, from: number, to: number): string | undefined {
  const text = to - from <= LIMITS.replyLineOctets ? textOf(octets, from, to) : utf8Of(octets.subarray(from, to));
  const known = text ?? utf8Of(octets.subarray(from, to).map((octet) => (octet < 0x80 ? octet : QUESTION_MARK)))!; // no UTF-8: there is no telling what it means
  return TEXTSTRING.test(known) ? known : undefined;
}

const TEXTSTRING = /^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*$/;

/** The enhanced code that a line of a reply begins with; empty where there is none, or one of another kind than the reply (RFC 2034 §4). */
function enhancedOf(code: number, line: string): string {
  const found = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(line)?.[0] ?? "";
  return Number(found[0]) === Math.trunc(code / 100) ? found : "";
}

/** Texts without the enhanced code. */
function withoutEnhanced(enhanced: string, lines: readonly string[]): readonly string[] {
  return enhanced === "" ? lines : lines.map((line) => (line === enhanced || line.startsWith(`${enhanced} `) ? line.slice(enhanced.length).trimStart() : line));
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
  let before = "";
  for (let nth = 0; nth < last; nth++) before += `${code}-${prefix}${texts[nth]}\r\n`;
  return `${before}${code} ${prefix}${texts[last] ?? ""}\r\n`;
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

/** Reply-code = %x32-35 %x30-35 %x30-39 */
function isCode(code: number): boolean {
  return code % 1 === 0 && code >= 200 && code < 600 && understood(code) === code;
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
