// SMTPUTF8, RFC 6531: addresses, and the headers of the message, may hold UTF-8.

import type { Extension } from "../extension.js";
import { reply } from "../reply.js";

const NO_VALUE = reply(501, "5.5.4", "SMTPUTF8 takes no value", "RFC 6531 §3.1");

export const SMTPUTF8: Extension = {
  keyword: "SMTPUTF8",
  endToEnd: true,
  needs: ["8BITMIME"], // RFC 6531 §3.1
  mail: { SMTPUTF8: { parse: (value) => (value === undefined ? true : NO_VALUE) } },
  lineOctets: { MAIL: 10, VRFY: 10, EXPN: 10 }, // RFC 6531 §3.1
};
