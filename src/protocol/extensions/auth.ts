// AUTH, RFC 4954. Mechanisms are not the engine's: it carries their base64 to and fro, and sees to the order of things.

import { isBase64 } from "../bytes.js";
import type { Auth } from "../command.js";
import type { Extension, Row, Terms } from "../extension.js";
import { reply, type Reply } from "../reply.js";
import type { Scan } from "../scan.js";
import { word } from "../syntax.js";
import { atEnd, badSyntax } from "../verbs.js";

const AUTH_SYNTAX = "AUTH mechanism [SP initial-response]";
const LOGGED_IN_ALREADY = reply(503, "5.5.1", "There was a successful AUTH already", "RFC 4954 §4");
const NO_SUCH_MECHANISM = reply(504, "5.5.4", "Mechanism not offered", "RFC 4954 §4");
const NEEDS_TLS = reply(538, "5.7.11", "Encryption is required for that mechanism", "RFC 4954 §6");
/** A hook has to take part: without one nobody is let in. */
const NOBODY = reply(454, "4.7.0", "Nobody here can tell who you are", "RFC 4954 §6");

/** Mechanisms by name, in upper case, that are offered in a session as it is now. */
export type Mechanisms = (terms: Pick<Terms, "secure">) => readonly string[];

/** The receiving end. */
export function auth(mechanisms: Mechanisms): Extension {
  return {
    ...AUTH,
    argument: (_, terms) => mechanisms(terms).join(" "),
    offered: (terms) => !terms.authenticated && mechanisms(terms).length > 0,
    verbs: { AUTH: { ...row, parse: (scan, terms) => problem(terms, mechanisms, scan) } },
  };
}

function parse(scan: Scan): Auth | Reply {
  const mechanism = scan.skipSpaces() ? scan.take(word)?.toUpperCase() : undefined;
  const initial = scan.skipSpaces() ? scan.take(word) : undefined;
  const fit = mechanism !== undefined && /^[-_A-Z0-9]{1,20}$/.test(mechanism) && (initial === undefined || initial === "=" || isBase64(initial)) && atEnd(scan);
  if (!fit) return badSyntax(AUTH_SYNTAX);
  return initial === undefined ? { type: "AUTH", mechanism } : { type: "AUTH", mechanism, initial };
}

function problem(terms: Terms, mechanisms: Mechanisms, scan: Scan): Auth | Reply {
  if (terms.authenticated) return LOGGED_IN_ALREADY;
  const command = parse(scan);
  if ("code" in command || mechanisms(terms).includes(command.mechanism)) return command;
  return mechanisms({ secure: true }).includes(command.mechanism) ? NEEDS_TLS : NO_SUCH_MECHANISM;
}

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
  verbs: { AUTH: row },
  lineOctets: { response: 11_776 }, // RFC 4954 §4: 12,288 in all, but for AUTH itself no more than for others
};
