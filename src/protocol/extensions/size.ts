// SIZE, RFC 1870: the server says what it takes at the most, the client how much comes. Enforced while reading too (mail-data.ts).

import type { Extension } from "../extension.js";
import { REPLIES, reply } from "../reply.js";

const BAD_SIZE = reply(501, "5.5.4", "SIZE takes a number of octets", "RFC 1870 §3");

export const SIZE: Extension = {
  keyword: "SIZE",
  argument: (limits) => String(limits.messageOctets),
  mail: {
    SIZE: {
      parse: (value, { limits }) => {
        if (value === undefined || !/^\d{1,20}$/.test(value)) return BAD_SIZE; // size-value = 1*20DIGIT
        const octets = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
        return limits.messageOctets > 0 && octets > limits.messageOctets ? REPLIES.messageTooBig : octets;
      },
    },
  },
  lineOctets: { MAIL: 26 }, // RFC 1870 §3
};
