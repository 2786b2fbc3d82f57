// What Mailman gets of a message: the octets as they came and, at the end of its header, the fields that it lacks. They stand there,
// not in front, so that nothing has to be held back until it is known which are missing; for these three the order is free
// (RFC 5322 §3.6).

import { randomUUID } from "node:crypto";
import { formatMailbox, isHost, REPLIES, reply, type Mail, type Reply } from "../../protocol/index.js";
import { Fields } from "../fields.js";
import { dateTime } from "../received.js";

/** On the wire: what Mailman's LMTP server takes. It says so once the message is whole, when others have got it already. */
const LINE_OCTETS = 1001;
const LINE_TOO_LONG = reply(554, "5.6.0", "Mailman takes no line of more than 999 octets", "RFC 5321 §4.5.3.1.6");
/** For what is not in the count: Delivered-To in front, fields that are missing at the very end. */
const SPARE_OCTETS = 1_024;
const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

export class Copy {
  readonly #fields = new Fields("from", "date", "message-id");
  readonly #additions: { readonly [name: string]: string };
  readonly #messageOctets: number;
  /** On the wire. */
  #octets = SPARE_OCTETS;
  #lineOctets = 0;
  #last = CR;
  #refusal: Reply | undefined;

  /** `messageOctets`: the largest message that Mailman takes, 0 for any. All copies of a message have one Message-ID. */
  constructor({ reversePath }: Mail, hostname: string, messageOctets: number) {
    this.#messageOctets = messageOctets;
    this.#additions = {
      ...(reversePath !== null && { from: `From: ${formatMailbox(reversePath)}` }), // the null sender is nobody's address
      date: `Date: ${dateTime(new Date())}`,
      "message-id": `Message-ID: <${randomUUID()}@${isHost(hostname) ? hostname : "localhost"}>`,
    };
  }

  /** What Mailman would refuse, and is not even asked for. */
  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  /** Octets of the message, and what goes to Mailman in their place. */
  pass(octets: Uint8Array): Uint8Array {
    const at = this.#fields.pass(octets);
    const passed = at < 0 ? octets : Buffer.concat([octets.subarray(0, at), this.#missing(), octets.subarray(at)]);
    this.#measure(passed);
    return passed;
  }

  /** The message has ended: what is missing where nothing but a header came. */
  rest(): Uint8Array {
    return this.#fields.ended ? Buffer.alloc(0) : this.#missing();
  }

  #missing(): Uint8Array {
    const lines = Object.entries(this.#additions).filter(([name]) => this.#fields.count(name) === 0);
    return Buffer.from(lines.map(([, line]) => `${line}\r\n`).join(""));
  }

  #measure(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; ) {
      const lf = octets.indexOf(LF, at);
      const to = lf < 0 ? octets.length : lf + 1;
      const doubled = this.#lineOctets === 0 && octets[at] === DOT ? 1 : 0;
      const mended = lf >= 0 && (lf > 0 ? octets[lf - 1] : this.#last) !== CR ? 1 : 0;
      this.#octets += to - at + doubled + mended;
      this.#lineOctets += to - at + doubled;
      if (this.#lineOctets > LINE_OCTETS) this.#refusal ??= LINE_TOO_LONG;
      if (lf >= 0) this.#lineOctets = 0;
      at = to;
    }
    this.#last = octets.at(-1) ?? this.#last;
    if (this.#messageOctets > 0 && this.#octets > this.#messageOctets) this.#refusal ??= REPLIES.messageTooBig;
  }
}
