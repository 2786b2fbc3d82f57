// The header of a message while it passes (RFC 5322 §2.2, §3.6): how often each of some fields is there, and where it ends.

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;

export class Fields {
  readonly #counts: Map<string, number>;
  readonly #longest: number;
  #ended = false;
  #afterCr = false;
  /** Nothing of this line has come yet. */
  #lineBegins = true;
  /** What this line began with, while it may be a name that is looked for. */
  #name: string | undefined = "";

  /** Names in lower case. */
  constructor(...names: readonly string[]) {
    this.#counts = new Map(names.map((name) => [name, 0]));
    this.#longest = Math.max(...names.map(({ length }) => length));
  }

  get ended(): boolean {
    return this.#ended;
  }

  count(name: string): number {
    return this.#counts.get(name)!;
  }

  /** Reads on. Gives where in these octets the header ends, in front of the empty line; -1 where it does not, or has ended before. */
  pass(octets: Uint8Array): number {
    for (let at = 0; at < octets.length && !this.#ended; at++) {
      this.#octet(octets[at]!);
      if (this.#ended) return at;
    }
    return -1;
  }

  /** A CR or LF alone ends a line, too: so it does for the next hop, to which it is sent as CRLF (RFC 5321 §2.3.8). */
  #octet(octet: number): void {
    if (this.#afterCr && octet !== LF) this.#newLine();
    this.#afterCr = octet === CR;
    if (octet !== CR && octet !== LF) return this.#text(octet);
    this.#ended = this.#lineBegins;
    if (octet === LF) this.#newLine();
  }

  #newLine(): void {
    this.#lineBegins = true;
    this.#name = "";
  }

  #text(octet: number): void {
    this.#lineBegins = false;
    if (this.#name === undefined) return;
    const count = octet === COLON ? this.#counts.get(this.#name.toLowerCase()) : undefined;
    if (count !== undefined) this.#counts.set(this.#name.toLowerCase(), count + 1);
    this.#name = octet === COLON || this.#name.length === this.#longest ? undefined : this.#name + String.fromCharCode(octet);
  }
}
