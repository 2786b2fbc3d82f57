// AUTH, RFC 4954. Mechanisms are not the engine's: it carries their base64 to and fro, and sees to the order of things.

import { isBase64 } from "../bytes.js";
import type { Auth } from "../command.js";
import type { Extension, Row, Terms } from "../extension.js";
import { isReply, REPLIES, reply, type Reply } from "../reply.js";
import type { Scan } from "../scan.js";
import { word } from "../syntax.js";
import { atEnd, badSyntax } from "../verbs.js";
import { parseSubmitter } from "../xtext.js";

const AUTH_SYNTAX = "AUTH mechanism [SP initial-response]";
const LOGGED_IN_ALREADY = reply(503, "5.5.1", "There was a successful AUTH already", "RFC 4954 §4");
const NO_SUCH_MECHANISM = reply(504, "5.5.4", "Mechanism not offered", "RFC 4954 §4");
const NEEDS_TLS = reply(538, "5.7.11", "Encryption is required for that mechanism", "RFC 4954 §6");
const BAD_SUBMITTER = reply(501, "5.5.4", "AUTH= is a mailbox as xtext, or <>", "RFC 4954 §5");
/** A hook has to take part: without one nobody is let in. */
const NOBODY = reply(454, "4.7.0", "Nobody here can tell who you are", "RFC 4954 §6");

/** Mechanisms by name, in upper case, that are offered in a session as it is now. */
export type Mechanisms = (terms: Pick<Terms, "secure" | "bindable">) => readonly string[];

/** The receiving end. */
export function auth(mechanisms: Mechanisms): Extension {
  return {
    ...AUTH,
    argument: (_, terms) => mechanisms(terms).join(" "),
    offered: (terms) => !terms.authenticated && mechanisms(terms).length > 0,
    verbs: { AUTH: { ...row, parse: (scan, terms) => offeredAlone(row.parse(scan, terms), mechanisms, terms) } },
  };
}

function parse(scan: Scan, { authenticated }: Terms): Auth | Reply {
  if (authenticated) return LOGGED_IN_ALREADY;
  const mechanism = scan.skipSpaces() ? scan.take(word)?.toUpperCase() : undefined;
  const initial = scan.skipSpaces() ? scan.take(word) : undefined;
  if (mechanism === undefined || !/^[-_A-Z0-9]{1,20}$/.test(mechanism) || !atEnd(scan)) return badSyntax(AUTH_SYNTAX);
  if (initial !== undefined && initial !== "=" && !isBase64(initial)) return REPLIES.notBase64;
  return initial === undefined ? { type: "AUTH", mechanism } : { type: "AUTH", mechanism, initial };
}

function offeredAlone(command: Auth | Reply, mechanisms: Mechanisms, terms: Terms): Auth | Reply {
  if (isReply(command) || mechanisms(terms).includes(command.mechanism)) return command;
  return !terms.secure && mechanisms({ secure: true, bindable: true }).includes(command.mechanism) ? NEEDS_TLS : NO_SUCH_MECHANISM;
}

/** auth-param = "AUTH=" xtext, of a mailbox or "<>" (§8). Any client may say it, logged in or not; whom to believe is the application's (§5). */
function submitter(value = ""): string | Reply {
  const found = parseSubmitter(value);
  return found === undefined ? BAD_SUBMITTER : found === null ? NOBODY_KNOWN : value;
}

/** The value of AUTH= where nobody knows who submitted the message, or nobody is believed (§5). */
export const NOBODY_KNOWN = "<>";

const row = {
  syntax: AUTH_SYNTAX,
  parse,
  format: ({ mechanism, initial }) => `AUTH ${mechanism}${initial === undefined ? "" : ` ${initial}`}`,
  ok: () => NOBODY,
  agree: (terms) => {
    terms.authenticated = true;
  },
  endsGroup: true,
  in: { ready: { 2: "same", 3: "auth" } },
} satisfies Row<Auth>;

/** The sending end: what the peer offers is its own affair. */
export const AUTH: Extension = {
  keyword: "AUTH",
  mail: { AUTH: { parse: submitter } },
  verbs: { AUTH: row },
  lineOctets: { MAIL: 500, response: 11_776 }, // §3; §4: 12,288 in all, but for AUTH itself no more than for others
};
