// 8BITMIME, RFC 6152: the client says whether the mail data is 7-bit or 8-bit. Octets pass through unchanged either way.

import type { Extension } from "../extension.js";
import { reply } from "../reply.js";

const BODY_VALUES: readonly string[] = ["7BIT", "8BITMIME"];
const BAD_BODY = reply(501, "5.5.4", "BODY is 7BIT or 8BITMIME, or BINARYMIME where that is offered", "RFC 6152 §3");

export const EIGHT_BIT_MIME: Extension = {
  keyword: "8BITMIME",
  endToEnd: true,
  mail: {
    BODY: {
      parse: (value = "", { grammar }) => {
        const body = value.toUpperCase();
        return BODY_VALUES.includes(body) || (body === "BINARYMIME" && grammar.extensions.has(body)) ? body : BAD_BODY;
      },
    },
  },
  lineOctets: { MAIL: 17 }, // RFC 6152 §2
};
