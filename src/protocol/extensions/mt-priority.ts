// MT-PRIORITY, RFC 6710: which messages go first. A relay without a queue has no order to keep, so it is the next hop's promise:
// end to end, though one with a queue may pass the message on without the parameter (§4.3).

import type { Extension } from "../extension.js";
import { reply } from "../reply.js";

const BAD_PRIORITY = reply(501, "5.5.2", "MT-PRIORITY is a number from -9 to 9", "RFC 6710 §4.1");
/** Nobody who is not trusted may raise a priority: the application has to say who is, and a relay with this trusts all its clients. */
const NOT_RAISED = reply(250, "2.3.6", "0 is the priority: nobody here raises it", "RFC 6710 §4.1");

/** The name is that of a Priority Assignment Policy (§9.2). Throws RangeError where it is none. */
export function mtPriority(policy?: string): Extension {
  if (policy !== undefined && !isPolicy(policy)) throw new RangeError(`"${policy}" is no Priority Assignment Policy (RFC 6710 §7)`);
  return {
    keyword: "MT-PRIORITY",
    ...(policy !== undefined && { argument: () => policy }),
    endToEnd: true,
    narrowed: (argument) => mtPriority(isPolicy(argument) ? argument : undefined),
    mail: {
      "MT-PRIORITY": {
        // priority-value = ( ["-"] NZDIGIT ) / "0"
        parse: (value = "") => (/^(?:0|-?[1-9])$/.test(value) ? Number(value) : BAD_PRIORITY),
        unanswered: (value: number) => (value > 0 ? NOT_RAISED : undefined),
      },
    },
    lineOctets: { MAIL: 15 }, // §3
  };
}

export const MT_PRIORITY: Extension = mtPriority();

/** priority-profile = 1*20( ALPHA / DIGIT / "-" / "_" / "." ) */
function isPolicy(text: string): boolean {
  return /^[\w.-]{1,20}$/.test(text);
}
