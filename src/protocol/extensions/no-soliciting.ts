// NO-SOLICITING, RFC 3865: a sign at the door, and mail that says of what class it is. End to end: a class has to reach the one who
// does not want it, and by a next hop without this it would be lost. A relay shows the sign of its next hop besides its own (§2.7).

import type { Extension } from "../extension.js";
import { reply, type Reply } from "../reply.js";

const BAD_SOLICIT = reply(501, "5.5.4", "SOLICIT is classes, separated by commas", "RFC 3865 §2.3");
/** §2.2: Solicitation-keywords. */
const MOST_OCTETS = 1000;
/** What fits behind the keyword on one line of a reply (RFC 5321 §4.5.3.1.5). */
const OFFERED_OCTETS = 512 - "250-NO-SOLICITING \r\n".length;

/** Which classes are not wanted by anybody here; hooks may refuse more for a recipient. Throws RangeError where they are none, or too many. */
export function noSoliciting(...classes: readonly string[]): Extension {
  const sign = classes.join(",");
  if (classes.length > 0 && !fits(sign, OFFERED_OCTETS)) throw new RangeError(`"${sign}" cannot stand behind NO-SOLICITING (RFC 3865 §2.2)`);
  const unwanted = new Set(classes.map((each) => each.toLowerCase()));
  return {
    keyword: "NO-SOLICITING",
    ...(classes.length > 0 && { argument: () => sign }),
    endToEnd: true,
    narrowed: (argument) => {
      const all = [...new Set([...classes, ...argument.split(",")])];
      return noSoliciting(...(fits(all.join(","), OFFERED_OCTETS) ? all : classes));
    },
    mail: {
      SOLICIT: {
        parse: (value = "") => {
          if (!fits(value, MOST_OCTETS)) return BAD_SOLICIT;
          const found = value.split(",").filter((each) => unwanted.has(each.toLowerCase()));
          return found.length > 0 ? notWanted(found) : value;
        },
      },
    },
    lineOctets: { MAIL: 1007 }, // §4.1
  };
}

export const NO_SOLICITING: Extension = noSoliciting();

/** Solicitation-keywords = word 0*( "," word ), word = ALPHA 0*wordchar, wordchar = "." / "-" / "_" / ":" / ALPHA / DIGIT */
function fits(text: string, most: number): boolean {
  return text.length <= most && text.split(",").every((word) => /^[A-Za-z][\w.:-]*$/.test(word));
}

function notWanted(classes: readonly string[]): Reply {
  return reply(550, "5.7.1", `SOLICIT=${classes.join(",")}`, "RFC 3865 §2.4");
}
