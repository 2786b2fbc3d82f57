// DELIVERBY, RFC 2852: a time within which a message is to be delivered, and what to do when it is over. End to end: with "R" it
// must not go where this is not offered, or takes longer (§4.1.4.1); with "N" the relay would have to report (§4.1.4.2).

import type { Parameters } from "../command.js";
import type { Extension } from "../extension.js";
import { reply, type Reply } from "../reply.js";

const BAD_BY = reply(501, "5.5.4", "BY is seconds, \";\" and N or R, and T to trace; with R, more than 0 seconds", "RFC 2852 §4");
const TOO_LATE = reply(501, "5.5.4", "BY would be over before the message is released", "RFC 4865 §5.2.2");
const NOT_KEPT = reply(555, "5.3.3", "Nobody here keeps delivery times", "RFC 2852 §4");

export interface By {
  readonly seconds: number;
  /** What to do then: tell of the delay, or give up and return the message. */
  readonly mode: "N" | "R";
  /** Whether each relay is to tell that it passed the message on. */
  readonly trace: boolean;
}

/** by-value = by-time ";" by-mode [ by-trace ], by-time = [ "-" / "+" ] 1*9DIGIT. Undefined for what is none; the letters in upper case. */
export function parseBy(value: string): By | undefined {
  const [, seconds, mode, trace] = /^([+-]?\d{1,9});([NR])(T?)$/.exec(value) ?? [];
  if (mode === undefined || (mode === "R" && Number(seconds) <= 0)) return undefined;
  return { seconds: Number(seconds), mode: mode as By["mode"], trace: trace === "T" };
}

/** Less than the least number of seconds is not accepted with "R" (§3); if not given, nothing is said of it. */
export function deliverBy(least?: number): Extension {
  if (least !== undefined && !isTime(String(least))) throw new RangeError(`${least} is no by-time (RFC 2852 §2)`);
  return {
    keyword: "DELIVERBY",
    ...(least !== undefined && { argument: () => String(least) }),
    endToEnd: true,
    // deliverby-param = min-by-time *( "," extension-token )
    narrowed: (argument) => {
      const [theirs = ""] = argument.split(",", 1);
      return deliverBy(isTime(theirs) ? Math.max(least ?? 0, Number(theirs)) : least);
    },
    mail: {
      BY: {
        parse: (value = "") => {
          const by = parseBy(value.toUpperCase());
          if (by === undefined) return BAD_BY;
          return by.mode === "R" && by.seconds < (least ?? 0) ? tooSoon(least!) : value.toUpperCase();
        },
        unanswered: () => NOT_KEPT,
      },
    },
    check,
    lineOctets: { MAIL: 17 }, // §2
  };
}

export const DELIVER_BY: Extension = deliverBy();

/** With FUTURERELEASE. Whether HOLDUNTIL comes before BY a clock would have to tell: that is the application's. */
function check({ BY, HOLDFOR }: Parameters): Reply | undefined {
  return BY !== undefined && HOLDFOR !== undefined && Number(HOLDFOR) > parseBy(String(BY))!.seconds ? TOO_LATE : undefined;
}

/** min-by-time = 1*9DIGIT */
function isTime(text: string): boolean {
  return /^\d{1,9}$/.test(text);
}

function tooSoon(least: number): Reply {
  return reply(555, "5.3.3", `With R, BY is ${least} seconds at the least`, "RFC 2852 §3");
}
