// The least that a receiver of mail can do: a command is its first octet, the end of mail data is looked for as it stands, nothing
// is parsed. What a server adds to this is the price of SMTP.

const LF = 0x0a;
const END_OF_DATA = Buffer.from("\r\n.\r\n");
/** Of END_OF_DATA: how much still matches where an octet behind so many does not. */
const FALL_BACK = [0, 0, 0, 0, 1];
/** A message begins as if behind a CRLF. */
const AT_LINE_START = 2;

export const EHLO = "250-canned\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
export const GREETING = "220 canned ESMTP\r\n";
const TAKEN = "250 2.0.0 Taken\r\n";
/** By the first octet of a command. R is RCPT or RSET. */
export const REPLIES = /** @type {Record<string, string>} */ ({ E: EHLO, H: EHLO, M: "250 2.1.0 Ok\r\n", R: "250 2.1.5 Ok\r\n", D: "354 Go on\r\n", Q: "221 2.0.0 Bye\r\n" });

/** Tells lines and mail data apart. */
export class Reader {
  #begun = "";
  #matched = 0;
  inData = false;

  /**
   * @param {Uint8Array} chunk
   * @param {(name: string, from: number, to: number) => void} onLine the first letter of a command, and where it stands; of one that began earlier, the rest. Behind DATA comes mail data
   * @param {(from: number, to: number, last: boolean) => void} onData a piece of it; the last one ends with CRLF.CRLF, or what was lacking of it
   */
  read(chunk, onLine, onData) {
    let at = 0;
    while (at < chunk.length) {
      const from = at;
      if (this.inData) {
        const end = this.#endOfData(chunk, at);
        at = end < 0 ? chunk.length : end;
        this.inData = end < 0;
        onData(from, at, !this.inData);
      } else {
        const name = this.#begun || String.fromCharCode(chunk[at]);
        const end = chunk.indexOf(LF, at);
        this.#begun = end < 0 ? name : "";
        at = end < 0 ? chunk.length : end + 1;
        this.inData = name === "D" && end >= 0;
        this.#matched = AT_LINE_START;
        onLine(this.#begun === "" ? name : "", from, at);
      }
    }
  }

  /** Where it ends, or -1. @param {Uint8Array} chunk @param {number} from */
  #endOfData(chunk, from) {
    let at = from;
    while (this.#matched > 0 && at < chunk.length) if (this.#match(chunk[at++])) return at;
    const found = this.#matched > 0 ? -1 : Buffer.prototype.indexOf.call(chunk, END_OF_DATA, at);
    if (found >= 0) return found + END_OF_DATA.length;
    for (at = Math.max(at, chunk.length - END_OF_DATA.length + 1); at < chunk.length; at++) this.#match(chunk[at]);
    return -1;
  }

  /** @param {number} octet */
  #match(octet) {
    while (this.#matched > 0 && octet !== END_OF_DATA[this.#matched]) this.#matched = FALL_BACK[this.#matched];
    if (octet === END_OF_DATA[this.#matched]) this.#matched += 1;
    return this.#matched === END_OF_DATA.length;
  }
}

/** Says yes to everything, once for each chunk. */
export class Responder {
  #reader = new Reader();
  #octets = 0;
  #out = "";
  messages = 0;
  octets = 0;
  quit = false;
  #onLine = (/** @type {string} */ name) => {
    if (name === "") return;
    this.#out += REPLIES[name] ?? "500 5.5.1 What?\r\n";
    this.quit ||= name === "Q";
  };
  #onData = (/** @type {number} */ from, /** @type {number} */ to, /** @type {boolean} */ last) => {
    this.#octets += to - from;
    if (!last) return;
    this.#out += TAKEN;
    this.messages += 1;
    this.octets += this.#octets;
    this.#octets = 0;
  };

  /** Octets of the message that is under way. */
  get begun() {
    return this.#octets;
  }

  /** @param {Uint8Array} chunk @returns {string} what is to be written */
  receive(chunk) {
    this.#reader.read(chunk, this.#onLine, this.#onData);
    const out = this.#out;
    this.#out = "";
    return out;
  }
}
