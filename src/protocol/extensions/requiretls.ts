// REQUIRETLS, RFC 8689: on its whole way the message goes over TLS, or it comes back. End to end: a relay may hand it to nobody
// who does not offer this (§4.2.1), over a connection whose certificate was verified (§2): that is for its transport to see to.

import type { Extension } from "../extension.js";
import { REPLIES, reply } from "../reply.js";

const NO_VALUE = reply(501, "5.5.4", "REQUIRETLS takes no value", "RFC 8689 §2");

export const REQUIRE_TLS: Extension = {
  keyword: "REQUIRETLS",
  endToEnd: true,
  offered: ({ secure }) => secure === true, // §2: it is said under TLS alone
  mail: {
    REQUIRETLS: {
      parse: (value, { secure }) => {
        if (secure !== true) return REPLIES.parameterUnknown;
        return value === undefined ? true : NO_VALUE;
      },
    },
  },
  lineOctets: { MAIL: 11 }, // §2
};
