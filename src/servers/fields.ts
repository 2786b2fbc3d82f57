// The header of a message while it passes (RFC 5322 §2.2, §3.6): how often each of some fields is there, and where it ends.

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
/** The bit that makes a letter a small one. */
const SMALL = 0x20;

export class Fields {
  readonly #names: readonly string[];
  readonly #counts: number[];
  /** A bit for each name. */
  readonly #all: number;
  #ended = false;
  #afterCr = false;
  /** Octets of this line so far. */
  #column = 0;
  /** Names that this line may begin with, a bit for each; 0 where it is settled that it has none, or which. */
  #open: number;

  /** Names in lower case, at most thirty-one. */
  constructor(...names: readonly string[]) {
    this.#names = names;
    this.#counts = names.map(() => 0);
    this.#all = 2 ** names.length - 1;
    this.#open = this.#all;
  }

  get ended(): boolean {
    return this.#ended;
  }

  count(name: string): number {
    return this.#counts[this.#names.indexOf(name)]!;
  }

  /** Reads on. Gives where in these octets the header ends, in front of the empty line; -1 where it does not, or has ended before. */
  pass(octets: Uint8Array): number {
    for (let at = 0; at < octets.length && !this.#ended; at++) {
      const octet = octets[at]!;
      if (this.#afterCr && octet !== LF) this.#newLine(); // a CR alone ends a line for the next hop, to which it is sent as CRLF (RFC 5321 §2.3.8)
      this.#afterCr = octet === CR;
      if (octet === CR || octet === LF) {
        this.#ended = this.#column === 0;
        if (this.#ended) return at;
        if (octet === LF) this.#newLine();
      } else {
        if (this.#open !== 0) this.#name(octet);
        this.#column += 1;
      }
    }
    return -1;
  }

  #newLine(): void {
    this.#column = 0;
    this.#open = this.#all;
  }

  #name(octet: number): void {
    const small = octet >= CAPITAL_A && octet <= CAPITAL_Z ? octet | SMALL : octet;
    for (let nth = 0; nth < this.#names.length; nth++) {
      const name = this.#names[nth]!;
      if ((this.#open & (1 << nth)) === 0) continue;
      if (octet === COLON && this.#column === name.length) this.#counts[nth]! += 1;
      if (octet === COLON || name.charCodeAt(this.#column) !== small) this.#open &= ~(1 << nth);
    }
  }
}
