// RRVS, RFC 7293: the mailbox has to have had the same owner since a time, or the message is refused. End to end: without an action,
// and with "R", it must not go where this is not offered (§5.1.1); with "C" it is the client who drops it, where we do not offer it.

import { dateTime } from "../date-time.js";
import type { Extension } from "../extension.js";
import { reply } from "../reply.js";

const BAD_RRVS = reply(501, "5.5.4", "RRVS is a time (RFC 3339), and \";C\" or \";R\"", "RFC 7293 §3.1");
const NOT_KNOWN = reply(550, "5.7.19", "Nobody here can tell since when a mailbox has had its owner", "RFC 7293 §5");

export interface ValidSince {
  /** A date-time of RFC 3339, to the second. */
  readonly since: string;
  /** What a relay does whose next hop does not offer this: reject, or continue. */
  readonly otherwise: "R" | "C";
}

/** rrvs-param = "RRVS=" date-time [ ";" ( "C" / "R" ) ], without time-secfrac. Undefined for what is none; the letters in upper case. */
export function parseRrvs(value: string): ValidSince | undefined {
  const [since = "", otherwise = "R", ...more] = value.split(";");
  const fit = dateTime(since)?.fraction === false && (otherwise === "R" || otherwise === "C") && more.length === 0;
  return fit ? { since, otherwise } : undefined;
}

export const RRVS: Extension = {
  keyword: "RRVS",
  endToEnd: true,
  rcpt: {
    RRVS: {
      parse: (value = "") => (parseRrvs(value.toUpperCase()) === undefined ? BAD_RRVS : value.toUpperCase()),
      unanswered: () => NOT_KNOWN,
    },
  },
  lineOctets: { RCPT: 33 }, // §3.1
};
