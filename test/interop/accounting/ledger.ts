// The books: what each attempt to send a message came to at the client, against what is stored at the next hops.

import { endingsOf, outcomeOf, type Ending, type Heard, type HopName, type Outcome } from "./heard.js";

/** What one next hop gets of a message in one transaction. */
export interface Copy {
  readonly at: HopName;
  /** Those that were accepted: all people, or all names of one list, which is told one of them. */
  readonly recipients: readonly string[];
  /** Whether that is the content that was sent, apart from what the proxy adds. */
  readonly isContent: (stored: string) => boolean;
}

export interface Attempt {
  readonly source: string;
  readonly message: string;
  readonly heard: Heard;
  readonly copies: readonly Copy[];
}

/** One message, as a next hop has it: octets as latin1, lines ended by LF. */
export interface Stored {
  readonly at: HopName;
  readonly recipients: readonly string[];
  readonly content: string;
}

/** One stored copy says of which attempt it is; a message that is sent again is sent under the next number. */
const ATTEMPT = /^X-Attempt: (\S+)$/m;

/** How much of an attempt is stored. */
export const EXTENTS = ["nowhere", "in part", "whole"] as const;
export type Extent = (typeof EXTENTS)[number];

export class Ledger {
  readonly #attempts = new Map<string, Attempt>();
  readonly #extents = new Map<string, Extent>();
  /** What is wrong, whatever is stored. */
  readonly problems: string[] = [];

  enter(key: string, attempt: Attempt): void {
    this.#attempts.set(key, attempt);
  }

  get messages(): number {
    return new Set([...this.#attempts.values()].map(({ message }) => message)).size;
  }

  /** How many attempts of a source came to that; once the books are audited, of them those that are stored so far. */
  count(source: string, outcome: Outcome, extent?: Extent): number {
    const attempts = [...this.#attempts].filter(([, each]) => each.source === source && outcomeOf(each.heard, each.copies.length) === outcome);
    return attempts.filter(([key]) => extent === undefined || this.#extents.get(key) === extent).length;
  }

  /** Compares. `duplicates`: copies beyond the first for a recipient; each is there because its client had not heard 250, and sent it again. */
  audit(stored: readonly Stored[]): { readonly duplicates: number } {
    const found = new Map<string, Stored[]>();
    for (const copy of stored) {
      const key = ATTEMPT.exec(copy.content.slice(0, 4096))?.[1] ?? copy.recipients[0]!;
      if (!this.#attempts.has(key)) this.problems.push(`${key} is stored, and nobody sent it`);
      found.set(key, [...(found.get(key) ?? []), copy]);
    }
    for (const [key, attempt] of this.#attempts) this.#compare(key, attempt, found.get(key) ?? []);
    const first = new Set([...found].flatMap(([key, copies]) => copies.map(({ at, recipients }) => `${this.#attempts.get(key)?.message} ${at} ${recipients[0]}`)));
    return { duplicates: stored.length - first.size };
  }

  #compare(key: string, { heard, copies }: Attempt, found: readonly Stored[]): void {
    for (const copy of found) {
      const sent = copies.find((each) => isOf(each, copy));
      if (sent === undefined) this.problems.push(`${key} is stored for ${shown([copy])}, not for ${shown(copies)}`);
      if (sent?.isContent(copy.content) === false) {
        this.problems.push(`${key} is stored with another content: ${copy.content.length} octets, ${JSON.stringify(copy.content.slice(-60))} the last of them`);
      }
    }
    const there = copies.filter((copy) => found.some((each) => isOf(copy, each)));
    this.#extents.set(key, there.length === 0 ? "nowhere" : there.length < copies.length ? "in part" : "whole");
    if (there.length < found.length) this.problems.push(`${key} is stored ${found.length} times: for ${shown(found)}`);
    if (endingsOf(heard).some((ending) => copies.every((copy) => fits(ending, copy, there.includes(copy))))) return;
    const absent = copies.filter((copy) => !there.includes(copy));
    this.problems.push(`${key} is stored for ${shown(there)}, not for ${shown(absent)}, and the client heard ${said(heard)}`);
  }
}

function fits({ people, list }: Ending, { at, recipients }: Copy, stored: boolean): boolean {
  const fate = at === "upstream" ? people : list(recipients);
  return fate === "in doubt" || stored === (fate === "stored");
}

function isOf(copy: Copy, { at, recipients }: Stored): boolean {
  if (copy.at !== at) return false;
  return at === "upstream" ? recipients.join() === copy.recipients.join() : recipients.length === 1 && copy.recipients.includes(recipients[0]!);
}

function shown(copies: readonly Omit<Stored, "content">[]): string {
  return copies.map(({ at, recipients }) => `${recipients.join()} at ${at}`).join(" and ") || "nobody";
}

function said({ code, lines, ended, byProxy }: Heard): string {
  return `${byProxy ? "" : "no reply, but "}${code} ${lines.join(" / ")} ${ended ? "behind" : "before"} the end of the data`;
}
