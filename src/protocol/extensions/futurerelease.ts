// FUTURERELEASE, RFC 4865: a message that is sent now and let go later. For submission alone (§4.2): to be offered on that port.
// The server that takes it holds it; what a relay without a queue offers is held by its next hop. End to end, therefore.

import { dateTime } from "../date-time.js";
import type { Extension } from "../extension.js";
import { reply } from "../reply.js";

const TWICE = reply(501, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other", "RFC 4865 §4.2");
const NOT_HELD = reply(555, "5.3.3", "Nobody here holds messages", "RFC 4865 §4.2");

/** The longest time in seconds, and the latest in UTC (RFC 3339), for which messages are held. */
export function futureRelease(seconds = 999_999_999, until = "9999-12-31T23:59:59Z"): Extension {
  if (!isInterval(String(seconds)) || !isUtc(until)) throw new RangeError(`"${seconds} ${until}" are no limits for FUTURERELEASE (RFC 4865 §3)`);
  const badInterval = reply(501, "5.5.4", `HOLDFOR is a number of seconds, ${seconds} at the most`, "RFC 4865 §4.2");
  const badTime = reply(501, "5.5.4", `HOLDUNTIL is a time in UTC, ${until} at the latest`, "RFC 4865 §4.2");
  return {
    keyword: "FUTURERELEASE",
    argument: () => `${seconds} ${until}`,
    endToEnd: true,
    narrowed: (argument) => {
      const [interval = "", time = ""] = argument.toUpperCase().split(" ");
      return futureRelease(isInterval(interval) ? Math.min(seconds, Number(interval)) : seconds, isUtc(time) && isLater(until, time) ? time : until);
    },
    mail: {
      HOLDFOR: {
        parse: (value = "") => (isInterval(value) && Number(value) <= seconds ? Number(value) : badInterval),
        unanswered: () => NOT_HELD,
      },
      HOLDUNTIL: {
        parse: (value = "") => (isUtc(value.toUpperCase()) && !isLater(value, until) ? value.toUpperCase() : badTime),
        unanswered: () => NOT_HELD,
      },
    },
    check: ({ HOLDFOR, HOLDUNTIL }) => (HOLDFOR !== undefined && HOLDUNTIL !== undefined ? TWICE : undefined),
    lineOctets: { MAIL: 34 }, // §3
  };
}

export const FUTURE_RELEASE: Extension = futureRelease();

/** future-release-integer = %x31-39 *8DIGIT */
function isInterval(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text);
}

/** Internet-style-date-time-UTC, of the length that §3 adds to the line: hundredths of a second at the finest. */
function isUtc(text: string): boolean {
  return text.length <= "2007-05-01T12:00:00.00Z".length && dateTime(text)?.utc === true;
}

/** Of two times in UTC, to the second. */
function isLater(one: string, other: string): boolean {
  return one.slice(0, 19) > other.slice(0, 19);
}
