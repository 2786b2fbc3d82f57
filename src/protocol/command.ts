// Commands as values (RFC 5321 §4.1.1): what the parser makes of a line, and the formatter makes a line of.

import type { Leniency } from "./leniency.js";
import type { Path } from "./syntax.js";

export type ParameterValue = string | number | true;
/** The parameters of MAIL or RCPT, by keyword in upper case; `true` is one without a value. */
export interface Parameters { readonly [keyword: string]: ParameterValue }

/** Every command that was read. */
interface Written {
  /** What in it is not as the grammar has it, and was let pass. */
  readonly leniencies?: readonly Leniency[];
}

/** `domain` is what the client calls itself: a domain, an address literal, or what else it had to say. */
export interface Hello extends Written { readonly type: "EHLO" | "HELO" | "LHLO"; readonly domain: string }
export interface Mail extends Written {
  readonly type: "MAIL";
  readonly reversePath: Path | null;
  readonly parameters: Parameters;
  /** What was told with XFORWARD, in front of it, of the client that the message came from. */
  readonly forwarded?: Forwarded;
}
export interface Rcpt extends Written { readonly type: "RCPT"; readonly forwardPath: Path; readonly parameters: Parameters }
export interface Plain extends Written { readonly type: "DATA" | "RSET" | "QUIT" }
/** VRFY and EXPN may have the parameter SMTPUTF8 (RFC 6531 §3.7.4.2). */
export interface WithString extends Written { readonly type: "NOOP" | "VRFY" | "EXPN" | "HELP"; readonly string: string; readonly parameters?: Parameters }
/** What follows is a chunk of the message, of so many octets (RFC 3030 §2). */
export interface Bdat extends Written { readonly type: "BDAT"; readonly octets: number; readonly last: boolean }
/** RFC 3207 §4. */
export interface StartTls extends Written { readonly type: "STARTTLS" }
/** RFC 4954 §4. `initial` is base64, "=" where it is empty; absent where the mechanism begins with a challenge. */
export interface Auth extends Written { readonly type: "AUTH"; readonly mechanism: string; readonly initial?: string }
/** The answer to a challenge of AUTH: base64, or "*" to cancel. */
export interface ChallengeResponse extends Written { readonly type: "response"; readonly text: string }
/** RFC 1985 §5: "@" before a node is all below it, too; "#" is the name of a queue. */
export interface Etrn extends Written { readonly type: "ETRN"; readonly option: "" | "@" | "#"; readonly name: string }
/** A private-use command, added by an application's extension: such verbs begin with X (§4.1.5). */
export interface PrivateUse extends Written { readonly type: `X${string}`; readonly [field: string]: unknown }

/** In the place of a value that the peer does not have; of a name that could not be looked up just now. */
export const UNAVAILABLE = "[UNAVAILABLE]";
export const TEMPORARILY_UNAVAILABLE = "[TEMPUNAVAIL]";
type Unavailable = typeof UNAVAILABLE;
/** XCLIENT_README: the client that the peer speaks for. Addresses are without "IPV6:". */
export interface ClientAttributes {
  readonly NAME?: string | Unavailable | typeof TEMPORARILY_UNAVAILABLE;
  readonly ADDR?: string | Unavailable;
  readonly PORT?: number | Unavailable;
  readonly PROTO?: "SMTP" | "ESMTP";
  readonly HELO?: string | Unavailable;
  /** Who it has shown to be, to the peer. */
  readonly LOGIN?: string | Unavailable;
  /** Where it has connected to. */
  readonly DESTADDR?: string | Unavailable;
  readonly DESTPORT?: number | Unavailable;
}
/** XFORWARD_README: whom a message came from, for logs. What is not there is unavailable. */
export interface Forwarded {
  readonly NAME?: string | Unavailable;
  readonly ADDR?: string | Unavailable;
  readonly PORT?: number | Unavailable;
  readonly PROTO?: string | Unavailable;
  readonly HELO?: string | Unavailable;
  /** What it is called in the peer's queue. */
  readonly IDENT?: string | Unavailable;
  /** Whether it came from the peer's own host or network. */
  readonly SOURCE?: "LOCAL" | "REMOTE" | Unavailable;
}
export interface XClient extends PrivateUse { readonly type: "XCLIENT"; readonly attributes: ClientAttributes }
export interface XForward extends PrivateUse { readonly type: "XFORWARD"; readonly attributes: Forwarded }

export type Command = Hello | Mail | Rcpt | Plain | WithString | StartTls | Auth | ChallengeResponse | Etrn | PrivateUse;

/** All that a client can send; but for BDAT, which chunk() says. */
export type Request = Command;

/** RFC 6531 §3.7.4: behind SMTPUTF8, on MAIL for a whole transaction, reply texts may be UTF-8. */
export function announcesUtf8(asked: { readonly type: string; readonly parameters?: unknown } | undefined): boolean {
  return (asked?.parameters as Parameters | undefined)?.["SMTPUTF8"] === true;
}
