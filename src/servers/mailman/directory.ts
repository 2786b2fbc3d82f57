// Whether Mailman knows an address. The answer is a list, or none, or an error: "cannot tell". Nobody guesses.

import type { Path } from "../../protocol/index.js";
import type { Eventually } from "../../transport/index.js";
import { candidates, hostsOf, type AddressRule, type Hosts, type Listed } from "./address.js";

export interface Directory {
  /** The list that an address is of, undefined where Mailman does not know it. An error, or a rejection: it cannot be told now. */
  lookup(address: Path): Eventually<Listed | undefined>;
}

/** What is known of Mailman at a moment. Names are in lower case. */
export interface Known {
  readonly hosts: Hosts;
  /** Whether there is a list of exactly this name: "ant@example.org". */
  has(list: string): Eventually<boolean>;
}

/** Where that is known from: maps, REST, a list of names. An error: cannot tell. */
export type Source = () => Eventually<Known>;

/** Its message is for the operator: what is wrong, in one line, without a secret. */
export class CannotTell extends Error {
  override readonly name = "CannotTell";
}

export function directory(source: Source, rule: AddressRule): Directory {
  return {
    lookup: async (address) => {
      const { hosts, has } = await source();
      for (const candidate of candidates(address, hosts, rule)) {
        if (await has(candidate.list)) return candidate;
      }
      return undefined;
    },
  };
}

/** The lists that it names, for ever. Throws RangeError for a name without a domain. */
export function fixed(lists: readonly string[]): Source {
  const names = new Set(lists.map((list) => String(list).toLowerCase()));
  for (const name of names) if (!/.@./.test(name)) throw new RangeError(`"${name}" is no list: it has no domain`);
  const known: Known = { hosts: hostsOf([...names].map((name) => ({ host: name.slice(name.lastIndexOf("@") + 1) }))), has: (list) => names.has(list) };
  return () => known;
}

/** The first of two that can tell. `tell` hears why the first one cannot. */
export function either(first: Source, second: Source, tell: (error: unknown) => void): Source {
  return async () => {
    try {
      return await first();
    } catch (error) {
      tell(error);
      return second();
    }
  };
}
