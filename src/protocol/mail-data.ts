// One message while it is read: what is wanted of it, what is wrong with it, and the value that tells of it at its end.

import { announcesUtf8, type Mail } from "./command.js";
import { decoder, unstuff, type Decoder } from "./data.js";
import type { Settings, Terms } from "./extension.js";
import type { Input } from "./input.js";
import { REPLIES, type Reply } from "./reply.js";
import type { Irregularity, Message, Wait } from "./step.js";

export class MailData {
  readonly #settings: Settings;
  readonly #decoder: Decoder;
  /** For all of it (limits.messageMs). */
  readonly wait: Wait;
  #size = 0;
  #refusal: Reply | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.wait = { for: "data", ms: settings.limits.messageMs };
    this.#decoder = decoder(settings.lineEndings, settings.limits.textLineOctets);
  }

  get ended(): boolean {
    return this.#decoder.position === "end";
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
    const { content, at } = unstuff(this.#decoder, input.octets, input.at, input.to);
    input.at = at;
    if (this.#refusal !== undefined) return content.subarray(0, 0);
    this.#size += content.length;
    const over = this.#over();
    if (over > 0) this.refuse(REPLIES.messageTooBig);
    else if (this.#badEnding()) this.refuse(REPLIES.bareInData);
    return over > 0 ? content.subarray(0, content.length - over) : content;
  }

  message({ hello, transaction: { mail, recipients } }: Terms): Message {
    return { type: "message", hello: hello!, mail, recipients, size: this.#size, irregularities: irregularities(this.#decoder, mail) };
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

function irregularities({ lineOctets, longLines, bareCr, bareLf, bits }: Decoder, mail: Mail): readonly Irregularity[] {
  const undeclared = bits >= 0x80 && mail.parameters["BODY"] !== "8BITMIME" && !announcesUtf8(mail);
  const all: Irregularity[] = [
    { what: `line of more than ${lineOctets} octets`, count: longLines, clause: "RFC 5321 §4.5.3.1.6" },
    { what: "CR without LF", count: bareCr, clause: "RFC 5321 §2.3.8" },
    { what: "LF without CR", count: bareLf, clause: "RFC 5321 §2.3.8" },
    { what: "8-bit data without BODY=8BITMIME", count: undeclared ? 1 : 0, clause: "RFC 5321 §2.4" },
  ];
  return all.filter(({ count }) => count > 0);
}
