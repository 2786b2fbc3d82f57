// Commands as values (RFC 5321 §4.1.1): what the parser makes of a line, and the formatter makes a line of.

import type { Path } from "./syntax.js";

export type ParameterValue = string | number | true;
/** The parameters of MAIL or RCPT, by keyword in upper case; `true` is one without a value. */
export interface Parameters { readonly [keyword: string]: ParameterValue }

export interface Ehlo { readonly type: "EHLO" | "HELO"; readonly domain: string }
export interface Mail { readonly type: "MAIL"; readonly reversePath: Path | null; readonly parameters: Parameters }
export interface Rcpt { readonly type: "RCPT"; readonly forwardPath: Path; readonly parameters: Parameters }
export interface Plain { readonly type: "DATA" | "RSET" | "QUIT" }
export interface WithString { readonly type: "NOOP" | "VRFY" | "EXPN" | "HELP"; readonly string: string }
/** A private-use command, added by an application's extension: such verbs begin with X (§4.1.5). */
export interface PrivateUse { readonly type: `X${string}`; readonly [field: string]: unknown }

export type Command = Ehlo | Mail | Rcpt | Plain | WithString | PrivateUse;
