// The books: what each attempt to send a message came to at the client, against what is stored upstream.

/**
 * "lost": before the end of the data was sent. "in doubt": behind it, and what came was no word of the upstream's about the message.
 * 4yz and 5yz are refusals, at whatever step.
 */
export const OUTCOMES = ["250", "4yz", "5yz", "lost", "in doubt"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Attempt {
  readonly source: string;
  readonly message: string;
  readonly outcome: Outcome;
  /** The reply, for whoever looks for the reason. */
  readonly said: string;
  /** Those that were accepted; local parts. */
  readonly recipients: readonly string[];
  /** Whether that is the content that was sent, apart from the lines put in front of it. */
  readonly isContent: (stored: string) => boolean;
}

/** One message, as the upstream has it: octets as latin1, lines ended by LF. */
export interface Stored {
  readonly recipients: readonly string[];
  readonly content: string;
}

/** One stored copy says of which attempt it is; a message that is sent again is sent under the next number. */
const ATTEMPT = /^X-Attempt: (\S+)$/m;
/** What the proxy says of its own accord of a connection upstream; and our client of its own to the proxy. */
const OF_THE_CONNECTION = /^Upstream: /;

export class Ledger {
  readonly #attempts = new Map<string, Attempt>();
  /** What is wrong, whatever is stored. */
  readonly problems: string[] = [];

  enter(key: string, attempt: Attempt): void {
    this.#attempts.set(key, attempt);
  }

  get messages(): number {
    return new Set([...this.#attempts.values()].map(({ message }) => message)).size;
  }

  /** How many attempts of a source came to what. */
  counts(source: string): { readonly [outcome in Outcome]: number } {
    const outcomes = [...this.#attempts.values()].filter((each) => each.source === source).map(({ outcome }) => outcome);
    return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, outcomes.filter((each) => each === outcome).length])) as Record<Outcome, number>;
  }

  /** Compares. `duplicates`: copies beyond the first; each is there because its client had been in doubt, and sent it again. */
  audit(stored: readonly Stored[]): { readonly duplicates: number } {
    const copies = new Map<string, Stored[]>();
    for (const copy of stored) {
      const key = ATTEMPT.exec(copy.content.slice(0, 4096))?.[1] ?? copy.recipients[0]!;
      copies.set(key, [...(copies.get(key) ?? []), copy]);
    }
    const ofMessage = new Map<string, number>();
    for (const [key, found] of copies) {
      const attempt = this.#attempts.get(key);
      if (attempt === undefined) {
        this.problems.push(`${key} is stored, and nobody sent it`);
        continue;
      }
      ofMessage.set(attempt.message, (ofMessage.get(attempt.message) ?? 0) + found.length);
      this.#compare(key, attempt, found);
    }
    for (const [key, { outcome, said }] of this.#attempts) {
      if (outcome === "250" && !copies.has(key)) this.problems.push(`${key} is not stored, and the client heard ${said}`);
    }
    return { duplicates: [...ofMessage.values()].reduce((sum, copies) => sum + copies - 1, 0) };
  }

  #compare(key: string, { outcome, said, recipients, isContent }: Attempt, found: readonly Stored[]): void {
    if (outcome !== "250" && outcome !== "in doubt") this.problems.push(`${key} is stored, and the client heard ${outcome}: ${said}`);
    if (found.length > 1) this.problems.push(`${key} is stored ${found.length} times, and was sent once`);
    for (const copy of found) {
      if (!isContent(copy.content)) this.problems.push(`${key} is stored with another content: ${copy.content.length} octets, ${JSON.stringify(copy.content.slice(-60))} the last of them`);
      if (copy.recipients.join() !== recipients.join()) this.problems.push(`${key} is stored for ${copy.recipients.join()}, not for ${recipients.join()}`);
    }
  }
}

/** What a negative reply means, before the end of the data was sent or behind it. */
export function outcomeOf(code: number, text: string, ended: boolean): Outcome {
  if (code < 300) return "250";
  if (code >= 500) return "5yz";
  return !OF_THE_CONNECTION.test(text) ? "4yz" : ended ? "in doubt" : "lost";
}

/** The proxy's line, right in front of what was sent (RFC 5321 §4.4). */
const RECEIVED = /(?:^|\n)Received: from [^\n]+\n\tby [^\n]+ with E?SMTP;\n\t[^\n]+\n$/;

/** `sent`: as latin1, with LFs; from the first line to the last. */
export function isRelayed(stored: string, sent: string): boolean {
  return stored.endsWith(sent) && RECEIVED.test(stored.slice(0, stored.length - sent.length));
}
