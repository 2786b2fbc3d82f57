// The verbs of RFC 5321 (§4.1.1), each one row: how it is read and written, what is answered. Extensions add rows of the same shape.

import { COLON, EQUALS, isAscii, isBase64, LESS_THAN, octetLength, octetsOf } from "./bytes.js";
import { announcesUtf8, type ChallengeResponse, type Hello, type Mail, type Parameters, type Rcpt, type WithString } from "./command.js";
import type { Parameter, PeerTerms, Row, Settings, Terms, Transaction } from "./extension.js";
import type { Leniency } from "./leniency.js";
import type { Limits } from "./limits.js";
import { isReply, REPLIES, reply, type Reply } from "./reply.js";
import { Scan } from "./scan.js";
import { esmtpValue, formatPath, forwardPath, host, mailbox, reversePath, word, type Path } from "./syntax.js";
import { keyword } from "./words.js";

/** A verb that stands alone. */
interface Alone<T extends string> extends Row<{ readonly type: T }> { parse(scan: Scan, terms: Terms): { readonly type: T } | Reply }

/** DATA, RSET, QUIT, STARTTLS: an argument is a 501 (§4.3.2), unless that is let pass. */
export function withoutArgument<T extends string>(type: T, ok: Alone<T>["ok"], leniency?: Leniency): Alone<T> {
  const letPass = (scan: Scan): boolean => leniency !== undefined && scan.lenient(leniency);
  return { syntax: type, parse: (scan) => (atEnd(scan) || letPass(scan) ? { type } : badSyntax(type)), format: () => type, ok };
}

/** NOOP, VRFY, EXPN, HELP: a string. The grammar's String is an Atom or quoted; people write addresses there (§3.5.1), so any text will do. */
export function withString(type: WithString["type"], syntax: string, ok: Row<WithString>["ok"], required: boolean): Row<WithString> {
  return {
    syntax,
    parse: (scan, terms) => {
      const text = scan.rest();
      if (text === undefined || (required && text === "")) return badSyntax(syntax);
      // RFC 6531 §3.7.4.2: VRFY and EXPN, those that need a string, may have the parameter behind it.
      const utf8 = required && offersUtf8(terms) && /\sSMTPUTF8$/i.test(text);
      const string = utf8 ? text.replace(/\s+\S+$/, "") : text;
      if (!utf8 && !isAscii(text)) return REPLIES.nonAscii;
      return utf8 ? { type, string, parameters: { SMTPUTF8: true } } : { type, string };
    },
    format: ({ string, parameters = NO_PARAMETERS }) => `${type}${string === "" ? "" : ` ${string}`}${formatParameters(parameters)}`,
    ok,
  };
}

function hello(type: Hello["type"], complete: NonNullable<Row["complete"]>): Row<Hello> {
  return {
    syntax: `${type} hostname`,
    endsGroup: true,
    noEnhancedCode: true,
    parse: (scan, { limits }) => {
      const name = scan.skipSpaces() ? helloName(scan) : undefined;
      const fit = name !== undefined && isAscii(name) && name.length <= limits.domainOctets;
      return fit ? { type, domain: name } : badSyntax(`${type} hostname`);
    },
    format: (command) => `${type} ${command.domain}`,
    ok: (_, terms) => complete(WELCOME, terms),
    complete,
    agree: (terms, command) => void Object.assign(terms, { hello: command, forwarded: undefined }),
  };
}

const WELCOME = reply(250, "", "", "RFC 5321 §4.1.1.1");
const NOT_IMPLEMENTED = { endsGroup: true, ok: () => REPLIES.notImplemented } as const satisfies Row;
const SENDER = { needsUtf8: REPLIES.senderNeedsUtf8, tooLong: REPLIES.senderTooLong };
const accepted = (): Reply => REPLIES.accepted;
/** The answer to EHLO and LHLO: the name, and a line for each extension. */
const introduced: NonNullable<Row["complete"]> = ({ code, lines, clause }, terms) => reply(code, "", [greeting(lines, terms), ...offers(terms)], clause);
const data = withoutArgument("DATA", () => REPLIES.startMail);
const RECIPIENT = { needsUtf8: REPLIES.recipientNeedsUtf8, tooLong: REPLIES.recipientTooLong };
const MAIL_SYNTAX = "MAIL FROM:<reverse-path> [SP mail-parameters]";
const RCPT_SYNTAX = "RCPT TO:<forward-path> [SP rcpt-parameters]";

/** The rows of RFC 5321, and of the engine's own questions. */
export const COMMANDS = {
  EHLO: hello("EHLO", introduced),
  LHLO: hello("LHLO", introduced), // RFC 2033 §4.1
  HELO: hello("HELO", ({ code, lines, clause }, terms) => reply(code, "", greeting(lines, terms), clause)),
  MAIL: {
    syntax: MAIL_SYNTAX,
    parse: (scan, terms) => {
      const from = pathAfter(scan, "FROM", reversePath);
      if (from === undefined) return badSyntax(MAIL_SYNTAX, "5.1.7");
      const { ascii } = scan; // so far
      const given = parameters(scan, terms, terms.grammar.mail);
      if (isReply(given)) return given;
      const mail: Mail = { type: "MAIL", reversePath: from, parameters: given };
      const { forwarded } = terms;
      return (from && pathProblem(from, ascii, terms, mail, SENDER)) ?? (forwarded === undefined ? mail : { ...mail, forwarded });
    },
    format: (command) => `MAIL FROM:${formatPath(command.reversePath)}${formatParameters(command.parameters)}`,
    ok: ({ parameters: given }, { grammar }) => unanswered(given, grammar.mail) ?? REPLIES.senderOk,
    agree: (terms, command) => {
      terms.transaction = newTransaction(command);
      terms.forwarded = undefined; // it was told of this message alone
    },
  } satisfies Row<Mail>,
  RCPT: {
    syntax: RCPT_SYNTAX,
    commutes: true,
    parse: (scan, terms) => {
      const to = pathAfter(scan, "TO", forwardPath);
      if (to === undefined) return badSyntax(RCPT_SYNTAX, "5.1.3");
      const { ascii } = scan; // so far
      const given = parameters(scan, terms, terms.grammar.rcpt);
      if (isReply(given)) return given;
      if (terms.transaction.recipients.length >= terms.limits.recipients) return REPLIES.tooManyRecipients;
      return pathProblem(to, ascii, terms, terms.transaction.mail, RECIPIENT) ?? { type: "RCPT", forwardPath: to, parameters: given };
    },
    format: (command) => `RCPT TO:${formatPath(command.forwardPath)}${formatParameters(command.parameters)}`,
    ok: ({ parameters: given }, { grammar }) => unanswered(given, grammar.rcpt) ?? REPLIES.recipientOk,
    agree: (terms, command) => {
      terms.transaction.recipients.push(command);
    },
  } satisfies Row<Rcpt>,
  DATA: {
    ...data,
    parse: (scan, terms) => (terms.transaction.mail.parameters["BODY"] === "BINARYMIME" ? REPLIES.inChunksAlone : data.parse(scan, terms)),
    endsGroup: true,
    within: { answer: "dataAnswerMs", reply: "dataReplyMs" },
  },
  RSET: { ...withoutArgument("RSET", () => REPLIES.ok), agree: (terms) => void (terms.forwarded = undefined), within: { reply: "rsetReplyMs" } },
  QUIT: {
    ...withoutArgument("QUIT", (_, terms) => reply(221, "2.0.0", `${terms.hostname} closing connection`, "RFC 5321 §4.1.1.10"), "quit-argument"),
    endsGroup: true,
    within: { reply: "quitReplyMs" },
  },
  NOOP: { ...withString("NOOP", "NOOP [SP string]", () => REPLIES.ok, false), endsGroup: true },
  VRFY: { ...withString("VRFY", "VRFY string", () => REPLIES.cannotVerify, true), endsGroup: true },
  // Known and not implemented: EXPN, unless its extension is composed; RFC 821's turning round and other ways to send (Appendix F).
  EXPN: NOT_IMPLEMENTED,
  TURN: NOT_IMPLEMENTED,
  SEND: NOT_IMPLEMENTED,
  SOML: NOT_IMPLEMENTED,
  SAML: NOT_IMPLEMENTED,

  connect: {
    ok: (_, { hostname, lmtp }) => reply(220, "", `${hostname} ${lmtp ? "LMTP" : "ESMTP"} ready`, "RFC 5321 §3.1"),
    endsGroup: true,
    noEnhancedCode: true,
  },
  message: { ok: accepted, within: { answer: "messageAnswerMs", reply: "messageReplyMs" } },
  delivery: { ok: accepted, within: { reply: "messageReplyMs" } },
  // RFC 4954 §4: a line of base64, without a verb, or "*"; no white space around it, which commands are forgiven
  response: {
    parse: (scan) => {
      const text = scan.take(word) ?? "";
      return scan.atEnd && (text === "" || text === CANCEL || isBase64(text)) ? { type: "response", text } : REPLIES.notBase64;
    },
    format: ({ text }) => text,
    ok: () => REPLIES.localError,
    agree: (terms) => {
      terms.authenticated = true;
    },
    endsGroup: true,
  } satisfies Row<ChallengeResponse>,
} as const satisfies { readonly [type: string]: Row<any> };

/** What gives an exchange of AUTH up (RFC 4954 §4). */
export const CANCEL = "*";

const NO_PARAMETERS: Parameters = Object.freeze({});
const NO_MAIL: Mail = { type: "MAIL", reversePath: null, parameters: NO_PARAMETERS };

/**
 * What begins a request of HTTP. A browser can be made to send one here, with commands in its body (as any page may, to any port
 * of the machine it is shown on): such a client is hung up on at once.
 */
export const OTHER_PROTOCOLS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"]);

/** What a transaction begins with (§4.1.1.2). */
export function newTransaction(mail: Mail): Transaction {
  return { mail, recipients: [] };
}

/** While none is open; nobody can be added to it. */
export const NO_TRANSACTION: Transaction = { mail: NO_MAIL, recipients: Object.freeze<Rcpt[]>([]) as Rcpt[] };

/** What a session begins with. Field by field: copied in one go, each would be of a shape of its own, which is slow and large. */
export function newTerms(settings: Settings, { secure = false, bindable = false, permitted = NO_VERBS }: PeerTerms = {}): Terms {
  const { hostname, grammar, limits, lineEndings, leniencies, lmtp, requireTls } = settings;
  return {
    hostname, grammar, limits, lineEndings, leniencies, lmtp, requireTls,
    hello: undefined, transaction: NO_TRANSACTION, secure, bindable, authenticated: false, permitted, forwarded: undefined,
  };
}

const NO_VERBS: ReadonlySet<string> = new Set();

/** Writes the parameters of MAIL or RCPT, each with a space in front. */
export function formatParameters(given: Parameters): string {
  return parameterTexts(given).map((text) => ` ${text}`).join("");
}

/** The parameters as text: ["SIZE=1000", "SMTPUTF8"]. */
export function parameterTexts(given: Parameters): string[] {
  return Object.entries(given).map(([keyword, value]) => (value === true ? keyword : `${keyword}=${value}`));
}

/** The 501 that names the right form (§4.3.2). */
export function badSyntax(syntax: string, enhanced = "5.5.4"): Reply {
  return reply(501, enhanced, `Syntax: ${syntax}`, "RFC 5321 §4.3.2");
}

/** The end of the line, where trailing white space is tolerated (§4.1.1). */
export function atEnd(scan: Scan): boolean {
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

/** Whether a text is a domain or an address literal: what a host may call itself (§4.1.1.1). */
export function isHost(text: string): boolean {
  return !/[\r\n]/.test(text) && hostAlone(new Scan(octetsOf(`${text}\r\n`), 0)) === text;
}

/** A program that knows no name of its own says something else, or says more (§4.1.1.1 tells of that). */
function helloName(scan: Scan): string | undefined {
  const from = scan.at;
  let name = scan.take(host);
  if (name === undefined || !delimited(scan)) {
    scan.at = from;
    name = scan.lenient("hello-name") ? scan.take(word) : undefined;
    if (!delimited(scan)) return undefined;
  }
  return scan.atEnd || scan.lenient("hello-more") ? name : undefined;
}

/** Domain [ SP ehlo-greet ]: the host's name, and what the application says to it. */
function greeting(texts: readonly string[], { hostname }: Terms): string {
  return `${hostname} ${texts[0]}`.trimEnd();
}

/** The EHLO lines of all that is offered. */
function offers(terms: Terms): string[] {
  const offered = [...terms.grammar.extensions.values()].filter((each) => each.offered?.(terms) !== false);
  return offered.map(({ keyword, argument }) => (argument ? `${keyword} ${argument(terms.limits, terms)}` : keyword));
}

/** SP "FROM:" path, and the end of the line or SP behind it. */
function pathAfter<P>(scan: Scan, preposition: string, rule: (scan: Scan) => P | undefined): P | Path | undefined {
  if (!scan.skipSpaces() || !scan.skipWord(preposition) || !scan.skip(COLON)) return undefined;
  if (scan.skipSpaces() && !scan.lenient("space-after-colon")) return undefined;
  const found = scan.octet !== LESS_THAN && scan.lenient("path-without-brackets") ? mailbox(scan) : rule(scan);
  return delimited(scan) ? found : undefined;
}

/** *( SP esmtp-keyword ["=" esmtp-value] ) up to the end of the line. */
function parameters(scan: Scan, terms: Terms, known: ReadonlyMap<string, Parameter>): Parameters | Reply {
  if (atEnd(scan)) return NO_PARAMETERS;
  const given: Record<string, Parameters[string]> = {};
  while (!atEnd(scan)) {
    const name = keyword(scan, terms.grammar.words);
    const value = scan.skip(EQUALS) ? scan.take(esmtpValue) ?? "" : undefined;
    const ascii = value === undefined || isAscii(value) || offersUtf8(terms); // RFC 6531 §3.3
    if (name === undefined || value === "" || !ascii || !delimited(scan)) return REPLIES.parameterSyntax;
    const negotiated = terms.hello !== undefined && terms.hello.type !== "HELO"; // §4.1.1.2
    const parameter = negotiated ? known.get(name) : undefined;
    if (parameter === undefined) return REPLIES.parameterUnknown;
    if (given[name] !== undefined) return REPLIES.parameterTwice;
    const parsed = parameter.parse(value, terms);
    if (typeof parsed === "object") return parsed;
    given[name] = parsed;
  }
  for (const check of terms.grammar.checks) {
    const problem = check(given, terms);
    if (problem !== undefined) return problem;
  }
  return given;
}

/** What is said where nobody answers, of the first parameter that asks somebody to act. */
function unanswered(given: Parameters, known: ReadonlyMap<string, Parameter>): Reply | undefined {
  for (const keyword in given) {
    const said = known.get(keyword)?.unanswered?.(given[keyword]!);
    if (said !== undefined) return said;
  }
  return undefined;
}

function offersUtf8({ grammar }: Terms): boolean {
  return grammar.extensions.has("SMTPUTF8");
}

/** What stands against a path that is well formed: its length (§4.5.3.1.1 to 3), or characters that were not announced. */
function pathProblem(path: Path, ascii: boolean, terms: Terms, mail: Mail, replies: typeof SENDER): Reply | undefined {
  if (!ascii && !announcesUtf8(mail)) return offersUtf8(terms) ? replies.needsUtf8 : REPLIES.nonAscii;
  return fits(path, ascii, terms.limits) ? undefined : replies.tooLong;
}

function fits({ sourceRoute, localPart, domain }: Path, ascii: boolean, limits: Limits): boolean {
  const octets = (text: string): number => (ascii ? text.length : octetLength(text));
  const [local, host] = [octets(localPart), octets(domain)];
  const path = sourceRoute.reduce((sum, hop) => sum + octets(hop) + "@,".length, local + host + "<@>".length);
  return local <= limits.localPartOctets && host <= limits.domainOctets && path <= limits.pathOctets;
}
