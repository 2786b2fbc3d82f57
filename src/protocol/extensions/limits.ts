// LIMITS, RFC 9422: the server says how many transactions, recipients and domains it takes. They are those of this session, so a
// relay tells its own; what its next hop refuses it passes back.

import type { Extension } from "../extension.js";

/** §4: of one session, of one transaction, of one session. */
export interface ServerLimits {
  readonly MAILMAX?: number;
  readonly RCPTMAX?: number;
  readonly RCPTDOMAINMAX?: number;
}

/** §4: six digits at the most. */
const MOST = 999_999;
const NAMES: readonly string[] = ["MAILMAX", "RCPTMAX", "RCPTDOMAINMAX"] satisfies readonly (keyof ServerLimits)[];

/** RCPTMAX is what the engine keeps to; the others are told where the application's hooks do. */
export function serverLimits(kept: Pick<ServerLimits, "MAILMAX" | "RCPTDOMAINMAX"> = {}): Extension {
  return {
    keyword: "LIMITS",
    argument: ({ recipients }) => {
      const limits = Object.entries({ RCPTMAX: recipients, ...kept });
      return limits.map(([name, most]) => `${name}=${Math.min(most, MOST)}`).join(" ");
    },
  };
}

export const SERVER_LIMITS: Extension = serverLimits();

/**
 * limits-param = limit-name-value 0*[SP limit-name-value] (§3): reads what a server said behind LIMITS. A limit that is not
 * understood is left out, and in what is no limits-param there is none (§3.7).
 */
export function parseServerLimits(argument: string): ServerLimits {
  const limits: { [name: string]: number } = {};
  for (const each of argument.split(" ")) {
    const [, name, value = ""] = /^([\w-]+)(?:=([!-:<-~]+))?$/.exec(each) ?? [];
    if (name === undefined) return {};
    if (NAMES.includes(name.toUpperCase()) && /^[1-9]\d{0,5}$/.test(value)) limits[name.toUpperCase()] = Number(value);
  }
  return limits;
}
