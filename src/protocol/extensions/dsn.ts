// DSN, RFC 3461: what the sender wants to hear of a delivery, and what is to stand in the report. Who offers it has to report
// (§5.2). At a relay it is end to end: where the next hop lacks it the relay would have to send "relayed" reports (§5.2.2).

import { isAscii } from "../bytes.js";
import type { Extension } from "../extension.js";
import { reply } from "../reply.js";
import { parseXtext } from "../xtext.js";

const BAD_RET = reply(501, "5.5.4", "RET is FULL or HDRS", "RFC 3461 §4.3");
const BAD_ENVID = reply(501, "5.5.4", "ENVID is printable ASCII as xtext, in all 100 characters at the most", "RFC 3461 §4.4");
const BAD_NOTIFY = reply(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY", "RFC 3461 §4.1");
const BAD_ORCPT = reply(501, "5.5.4", "ORCPT is a type, \";\" and an address as xtext, in all 500 characters at the most", "RFC 3461 §4.2");

const RETURNED: readonly string[] = ["FULL", "HDRS"];
const NOTIFIED: readonly string[] = ["SUCCESS", "FAILURE", "DELAY"];
/** §5.4: with their keywords. */
const ENVID_OCTETS = 100 - "ENVID=".length;
const ORCPT_OCTETS = 500 - "ORCPT=".length;
const ATOM = /^[\w!#$%&'*+\-/=?^`{|}~]+$/;

export const DSN: Extension = {
  keyword: "DSN",
  endToEnd: true,
  mail: {
    RET: { parse: (value = "") => (RETURNED.includes(value.toUpperCase()) ? value.toUpperCase() : BAD_RET) },
    // Passed on as it was written (§5.2.1); parseXtext() tells what it says.
    ENVID: { parse: (value = "") => (value !== "" && value.length <= ENVID_OCTETS && isPrintable(value) ? value : BAD_ENVID) },
  },
  rcpt: {
    NOTIFY: { parse: (value = "") => (isNotify(value.toUpperCase()) ? value.toUpperCase() : BAD_NOTIFY) },
    ORCPT: { parse: (value = "") => (value.length <= ORCPT_OCTETS && isOriginalRecipient(value) ? value : BAD_ORCPT) },
  },
  lineOctets: { MAIL: 110, RCPT: 530 }, // §5.4
};

/** notify-esmtp-value = "NEVER" / 1#notify-list-element */
function isNotify(value: string): boolean {
  return value === "NEVER" || value.split(",").every((each) => NOTIFIED.includes(each));
}

/**
 * original-recipient-address = addr-type ";" xtext, addr-type = atom. RFC 6533 §3: with type utf-8, UTF-8 may stand for itself. As
 * hexchars it comes with any type: Postfix calls an internationalised address rfc822, and its mail would bounce.
 */
function isOriginalRecipient(value: string): boolean {
  const semicolon = value.indexOf(";");
  const type = value.slice(0, Math.max(0, semicolon));
  const address = value.slice(semicolon + 1);
  return ATOM.test(type) && parseXtext(type.toLowerCase() === "utf-8" ? address.replace(/[\u00a0-\u{10ffff}]/gu, "") : address) !== undefined;
}

/** xtext, of graphic characters and white space of ASCII (§4.4) */
function isPrintable(xtext: string): boolean {
  const text = parseXtext(xtext);
  return text !== undefined && isAscii(text);
}
