// One message while it is read: what is wanted of it, what is wrong with it, and the value that tells of it at its end.

import { announcesUtf8, type Bdat, type Hello, type Mail, type Rcpt } from "./command.js";
import { decoder, unstuff, type Decoder } from "./data.js";
import type { Settings, Terms } from "./extension.js";
import type { Input } from "./input.js";
import { LENIENCIES } from "./leniency.js";
import { REPLIES, type Reply } from "./reply.js";
import type { Irregularity, Message, Wait } from "./step.js";

export class MailData {
  readonly #settings: Settings;
  readonly #decoder: Decoder;
  /** For all of it (limits.messageMs). */
  readonly wait: Wait;
  /** Not lines, but any octets (RFC 3030 §3). */
  readonly #binary: boolean;
  /** Of the chunk that is being read. Undefined where the message is lines that end with a dot. */
  #left: number | undefined;
  #last = false;
  #size = 0;
  #refusal: Reply | undefined;

  /** `chunk`: the first of those in which it comes. */
  constructor(settings: Settings, mail: Mail, chunk?: Bdat) {
    this.#settings = settings;
    this.wait = { for: "data", ms: settings.limits.messageMs };
    this.#binary = mail.parameters["BODY"] === "BINARYMIME";
    this.#decoder = decoder(settings.lineEndings, settings.limits.textLineOctets, chunk === undefined);
    if (chunk !== undefined) this.expect(chunk);
  }

  /** Another chunk of it is on its way. */
  expect({ octets, last }: Bdat): void {
    this.#left = octets;
    this.#last = last;
  }

  /** The message is whole. */
  get ended(): boolean {
    return this.#left === undefined ? this.#decoder.position === "end" : this.#left === 0 && this.#last;
  }

  /** A chunk has been read, and there is to be another. */
  get pauses(): boolean {
    return this.#left === 0 && !this.#last;
  }

  /** It comes in chunks. */
  get chunked(): boolean {
    return this.#left !== undefined;
  }

  /** There is no more: a CR at the very end of the last chunk has no LF. */
  finish(): void {
    if (this.#decoder.position === "cr") this.#decoder.bareCr += 1;
    if (this.#badEnding()) this.refuse(REPLIES.bareInData);
  }

  /** The reply at the end of the data, if the message is refused already. */
  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  /** The message is lost, but what follows is still its data and no command: it is read to its true end. The first reason counts. */
  refuse(why: Reply): void {
    this.#refusal ??= why;
    this.#decoder.discard = true;
  }

  /** Reads what there is, up to the end of the data. Gives the content that is wanted: none any more once the message is refused. */
  read(input: Input): Uint8Array {
    const to = Math.min(input.to, input.at + (this.#left ?? Infinity));
    const { content, at } = this.#binary ? { content: input.octets.subarray(input.at, to), at: to } : unstuff(this.#decoder, input.octets, input.at, to);
    if (this.#left !== undefined) this.#left -= at - input.at;
    input.at = at;
    if (this.#refusal !== undefined) return content.subarray(0, 0);
    this.#size += content.length;
    const over = this.#over();
    if (over > 0) this.refuse(REPLIES.messageTooBig);
    else if (this.#badEnding()) this.refuse(REPLIES.bareInData);
    return over > 0 ? content.subarray(0, content.length - over) : content;
  }

  message({ hello, transaction: { mail, recipients } }: Terms): Message {
    const all = [...letPass([hello!, mail, ...recipients]), ...irregularities(this.#decoder, mail)];
    return { type: "message", hello: hello!, mail, recipients, size: this.#size, irregularities: all };
  }

  /** Octets above what is taken (RFC 1870 §6.3). */
  #over(): number {
    const { messageOctets } = this.#settings.limits;
    return messageOctets > 0 ? Math.max(0, this.#size - messageOctets) : 0;
  }

  #badEnding(): boolean {
    return this.#settings.lineEndings === "refuse" && this.#decoder.bareCr + this.#decoder.bareLf > 0;
  }
}

const NOTHING: readonly Irregularity[] = [];

/** What was let pass in the commands. */
function letPass(commands: readonly (Hello | Mail | Rcpt)[]): readonly Irregularity[] {
  if (commands.every(({ leniencies }) => leniencies === undefined)) return NOTHING;
  const names = commands.flatMap(({ leniencies = [] }) => leniencies);
  return [...new Set(names)].map((name) => ({ ...LENIENCIES[name], count: names.filter((each) => each === name).length }));
}

function irregularities({ lineOctets, longLines, bareCr, bareLf, bits }: Decoder, mail: Mail): readonly Irregularity[] {
  const undeclared = bits >= 0x80 && mail.parameters["BODY"] !== "8BITMIME" && !announcesUtf8(mail);
  if (longLines + bareCr + bareLf === 0 && !undeclared) return NOTHING;
  const all: Irregularity[] = [
    { what: `line of more than ${lineOctets} octets`, count: longLines, clause: "RFC 5321 §4.5.3.1.6" },
    { what: "CR without LF", count: bareCr, clause: "RFC 5321 §2.3.8" },
    { what: "LF without CR", count: bareLf, clause: "RFC 5321 §2.3.8" },
    { what: "8-bit data without BODY=8BITMIME", count: undeclared ? 1 : 0, clause: "RFC 5321 §2.4" },
  ];
  return all.filter(({ count }) => count > 0);
}
