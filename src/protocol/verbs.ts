// The verbs of RFC 5321 (§4.1.1), each one row: how it is read and written, what is answered. Extensions add rows of the same shape.

import { COLON, EQUALS, isAscii, LESS_THAN, octetLength } from "./bytes.js";
import type { Command, Ehlo, Mail, Parameters, Plain, Rcpt, WithString } from "./command.js";
import type { Grammar, Parameter, Row, Terms, Transaction } from "./extension.js";
import type { Limits } from "./limits.js";
import { isReply, REPLIES, reply, type Reply } from "./reply.js";
import { esmtpKeyword, esmtpValue, formatPath, forwardPath, host, mailbox, reversePath, word, type Path, type Scan } from "./syntax.js";

/** DATA, RSET, QUIT: an argument is a 501 (§4.1.1). */
function plain(type: Plain["type"], ok: Row<Plain>["ok"]): Row<Plain> {
  return { syntax: type, parse: (scan) => (atEnd(scan) ? { type } : badSyntax(type)), format: () => type, ok };
}

/** NOOP, VRFY, EXPN, HELP: a string. The grammar's String is an Atom or quoted; people write addresses there (§3.5.1), so any text will do. */
export function withString(type: WithString["type"], syntax: string, ok: Row<WithString>["ok"], required: boolean): Row<WithString> {
  return {
    syntax,
    parse: (scan, terms) => {
      const string = scan.rest();
      if (string === undefined || (required && string === "")) return badSyntax(syntax);
      return isAscii(string) || terms.grammar.extensions.has("SMTPUTF8") ? { type, string } : REPLIES.nonAscii;
    },
    format: ({ string }) => (string === "" ? type : `${type} ${string}`),
    ok,
  };
}

function hello(type: Ehlo["type"], ok: (terms: Terms) => Reply): Row<Ehlo> {
  return {
    syntax: `${type} hostname`,
    endsGroup: true,
    parse: (scan, { strict }) => {
      const name = scan.skipSpaces() ? (strict ? hostAlone(scan) : hostOrWord(scan)) : undefined;
      return name !== undefined && isAscii(name) ? { type, domain: name } : badSyntax(`${type} hostname`);
    },
    format: (command) => `${type} ${command.domain}`,
    ok: (_, terms) => ok(terms),
    agree: (terms, command) => {
      terms.hello = command;
    },
  };
}

const MAIL_SYNTAX = "MAIL FROM:<reverse-path> [SP mail-parameters]";
const RCPT_SYNTAX = "RCPT TO:<forward-path> [SP rcpt-parameters]";

/** The rows of RFC 5321, and of the engine's own two questions. */
export const COMMANDS = {
  EHLO: hello("EHLO", (terms) => reply(250, "", [terms.hostname, ...offers(terms)], "RFC 5321 §4.1.1.1")),
  HELO: hello("HELO", (terms) => reply(250, "", terms.hostname, "RFC 5321 §4.1.1.1")),
  MAIL: {
    syntax: MAIL_SYNTAX,
    parse: (scan, terms) => {
      const from = pathAfter(scan, terms, "FROM", reversePath);
      if (from === undefined) return badSyntax(MAIL_SYNTAX, REPLIES.pathSyntax);
      const given = parameters(scan, terms, terms.grammar.mail);
      if (isReply(given)) return given;
      return (from && pathProblem(from, terms, given)) ?? { type: "MAIL", reversePath: from, parameters: given };
    },
    format: (command) => `MAIL FROM:${formatPath(command.reversePath)}${formatParameters(command.parameters)}`,
    ok: () => REPLIES.senderOk,
    agree: (terms, command) => {
      terms.transaction = newTransaction(command);
    },
  } satisfies Row<Mail>,
  RCPT: {
    syntax: RCPT_SYNTAX,
    commutes: true,
    parse: (scan, terms) => {
      const to = pathAfter(scan, terms, "TO", forwardPath);
      if (to === undefined) return badSyntax(RCPT_SYNTAX, REPLIES.recipientSyntax);
      const given = parameters(scan, terms, terms.grammar.rcpt);
      if (isReply(given)) return given;
      if (terms.transaction.recipients.length >= terms.limits.recipients) return REPLIES.tooManyRecipients;
      return pathProblem(to, terms, terms.transaction.mail.parameters) ?? { type: "RCPT", forwardPath: to, parameters: given };
    },
    format: (command) => `RCPT TO:${formatPath(command.forwardPath)}${formatParameters(command.parameters)}`,
    ok: () => REPLIES.recipientOk,
    agree: (terms, command) => {
      terms.transaction.recipients.push(command);
    },
  } satisfies Row<Rcpt>,
  DATA: { ...plain("DATA", () => REPLIES.startMail), endsGroup: true },
  RSET: plain("RSET", () => REPLIES.ok),
  QUIT: {
    ...plain("QUIT", (_, terms) => reply(221, "2.0.0", `${terms.hostname} closing connection`, "RFC 5321 §4.1.1.10")),
    endsGroup: true,
  },
  NOOP: { ...withString("NOOP", "NOOP [SP string]", () => REPLIES.ok, false), endsGroup: true },
  VRFY: { ...withString("VRFY", "VRFY string", () => REPLIES.cannotVerify, true), endsGroup: true },
  EXPN: { ...withString("EXPN", "EXPN string", () => REPLIES.notImplemented, true), endsGroup: true },
  // RFC 821's other ways to send, and its turning round, are known and not implemented (Appendix F.1, F.6).
  SEND: { ok: () => REPLIES.notImplemented },
  SOML: { ok: () => REPLIES.notImplemented },
  SAML: { ok: () => REPLIES.notImplemented },
  TURN: { ok: () => REPLIES.notImplemented },

  connect: { endsGroup: true, ok: (_, terms) => reply(220, "", `${terms.hostname} ESMTP ready`, "RFC 5321 §3.1") },
  message: { ok: () => REPLIES.accepted },
} as const satisfies { readonly [type: string]: Row<any> };

const NO_PARAMETERS: Parameters = Object.freeze({});
const NO_MAIL: Mail = { type: "MAIL", reversePath: null, parameters: NO_PARAMETERS };

/** What a transaction begins with (§4.1.1.2). */
export function newTransaction(mail = NO_MAIL): Transaction {
  return { mail, recipients: [] };
}

/** Writes a command as the other end reads it, without CRLF. Throws for a verb the grammar does not have. */
export function formatCommand(command: Command, grammar: Grammar): string {
  const format = grammar.rows.get(command.type)?.format;
  if (format === undefined) throw new Error(`no such command: ${command.type}`);
  return format(command);
}

/** Writes the parameters of MAIL or RCPT, each with a space in front. */
export function formatParameters(given: Parameters): string {
  return parameterTexts(given).map((text) => ` ${text}`).join("");
}

/** The parameters as on the wire: ["SIZE=1000", "SMTPUTF8"]. */
export function parameterTexts(given: Parameters): string[] {
  return Object.entries(given).map(([keyword, value]) => (value === true ? keyword : `${keyword}=${value}`));
}

/** The 501 that names the right form. */
export function badSyntax(syntax: string, like: Reply = REPLIES.parameterSyntax): Reply {
  return reply(like.code, like.enhanced, `Syntax: ${syntax}`, like.clause);
}

/** The end of the line, where trailing white space is tolerated (§4.1.1). */
function atEnd(scan: Scan): boolean {
  scan.skipSpaces();
  return scan.atEnd;
}

/** White space, or the end of the line. */
function delimited(scan: Scan): boolean {
  return scan.skipSpaces() || scan.atEnd;
}

function hostAlone(scan: Scan): string | undefined {
  const name = scan.take(host);
  return atEnd(scan) ? name : undefined;
}

/** A program that knows no name of its own still says something; §4.1.4 forbids to refuse mail for that. */
function hostOrWord(scan: Scan): string | undefined {
  const from = scan.at;
  const name = scan.take(host);
  if (name !== undefined && delimited(scan)) return name;
  scan.at = from;
  const other = scan.take(word);
  return delimited(scan) ? other : undefined;
}

/** The EHLO lines of all that is offered. */
function offers({ grammar, limits }: Terms): string[] {
  return [...grammar.extensions.values()].map(({ keyword, argument }) => (argument ? `${keyword} ${argument(limits)}` : keyword));
}

/** SP "FROM:" path, and the end of the line or SP behind it. */
function pathAfter<P>(scan: Scan, { strict }: Terms, preposition: string, rule: (scan: Scan) => P | undefined): P | Path | undefined {
  if (!scan.skipSpaces() || !scan.skipWord(preposition) || !scan.skip(COLON)) return undefined;
  if (!strict) scan.skipSpaces();
  const found = scan.octet === LESS_THAN || strict ? rule(scan) : mailbox(scan);
  return delimited(scan) ? found : undefined;
}

/** *( SP esmtp-keyword ["=" esmtp-value] ) up to the end of the line. */
function parameters(scan: Scan, terms: Terms, known: ReadonlyMap<string, Parameter>): Parameters | Reply {
  if (atEnd(scan)) return NO_PARAMETERS;
  const given: Record<string, Parameters[string]> = {};
  while (!atEnd(scan)) {
    const keyword = scan.take(esmtpKeyword)?.toUpperCase();
    const value = scan.skip(EQUALS) ? scan.take(esmtpValue) ?? "" : undefined;
    if (keyword === undefined || value === "" || !delimited(scan)) return REPLIES.parameterSyntax;
    const parameter = terms.hello?.type === "EHLO" ? known.get(keyword) : undefined; // §4.1.1.2: only if extensions were negotiated
    if (parameter === undefined) return REPLIES.parameterUnknown;
    if (Object.hasOwn(given, keyword)) return REPLIES.parameterTwice;
    const parsed = parameter.parse(value, terms);
    if (typeof parsed === "object") return parsed;
    given[keyword] = parsed;
  }
  return given;
}

/** What stands against a path that is well formed: its length (§4.5.3.1.1 to 3), or characters that were not announced. */
function pathProblem(path: Path, { grammar, limits }: Terms, transaction: Parameters): Reply | undefined {
  const text = formatPath(path);
  if (!isAscii(text) && transaction["SMTPUTF8"] !== true) return grammar.mail.has("SMTPUTF8") ? REPLIES.utf8Needed : REPLIES.nonAscii;
  return fits(path, text, limits) ? undefined : REPLIES.pathTooLong;
}

function fits(path: Path, text: string, limits: Limits): boolean {
  if (text.length <= limits.localPartOctets && isAscii(text)) return true; // nearly all paths: shorter than any of the limits
  return octetLength(path.localPart) <= limits.localPartOctets
    && octetLength(path.domain) <= limits.domainOctets
    && octetLength(text) <= limits.pathOctets;
}
