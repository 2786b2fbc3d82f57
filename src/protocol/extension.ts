// RFC 5321 §2.2.2 as a type: what an extension may add. An application's own extension is a constant like those in extensions/.

import type { Forwarded, Hello, Mail, Parameters, ParameterValue, Rcpt } from "./command.js";
import type { Leniency, Preset } from "./leniency.js";
import type { Limits } from "./limits.js";
import type { Reply } from "./reply.js";
import type { Moves, State, Transitions } from "./state.js";
import type { Scan } from "./scan.js";
import type { Words } from "./words.js";

/** What is owed one reply: a command (its verb in upper case) or a question of the engine's own (lower case). */
export interface Asked {
  readonly type: string;
}

/** The name of a limit that is a time. */
type Milliseconds = keyof Limits & `${string}Ms`;

/** A verb. The parser, the formatter, HELP, the default reply and the grouping are its columns. */
export interface Row<A extends Asked = Asked> {
  /** For HELP and the 501 text. */
  readonly syntax?: string;
  /** Reads what follows the verb. A Reply refuses the command. Without it the verb is known and not implemented, and `ok` says so. */
  parse?(scan: Scan, terms: Terms): A | Reply;
  /** Writes the command, without its CRLF: the inverse of `parse`. */
  format?(command: A): string;
  /** What is said where the application says nothing. May be a refusal. */
  ok(command: A, terms: Terms): Reply;
  /** What a positive reply of the application's has to hold besides. */
  complete?(given: Reply, terms: Terms): Reply;
  /** What a 2yz reply makes true from then on. */
  agree?(terms: Terms, command: A): void;
  /** RFC 2034 §3: no reply to it shows an enhanced code. */
  readonly noEnhancedCode?: true;
  /** RFC 2920 §3.1: it is the last of a pipelined group, so its reply lets the whole group's replies go. */
  readonly endsGroup?: true;
  /** The limits for how long it may take: the application's answer here, the peer's reply there. `answerMs`, `replyMs` if not said. */
  readonly within?: { readonly answer?: Milliseconds; readonly reply?: Milliseconds };
  /** It may be asked while another such is still owed its reply. */
  readonly commutes?: true;
  /** It is for peers that are permitted to say it (`Terms.permitted` has the verb): any other is hung up on. */
  readonly privileged?: true;
  /** Where an extension's verb is allowed; without it wherever a command is, changing nothing. */
  readonly in?: { readonly [S in State]?: Moves };
}

/** A parameter of MAIL or RCPT. */
export interface Parameter {
  /** The value as on the wire, undefined where there is no "=". A Reply refuses the command. */
  parse(value: string | undefined, terms: Terms): ParameterValue | Reply;
  /** What is said in the place of the command's `ok` where the application says nothing: its value asks somebody to act. */
  unanswered?(value: ParameterValue): Reply | undefined;
}

export interface Extension {
  /** The EHLO keyword. */
  readonly keyword: string;
  /** What follows the keyword on its EHLO line. */
  argument?(limits: Limits, terms: Terms): string;
  /** Whether it is offered now; if not given, always. */
  offered?(terms: Terms): boolean;
  /** New parameters of MAIL and RCPT, by keyword in upper case. */
  readonly mail?: { readonly [keyword: string]: Parameter };
  readonly rcpt?: { readonly [keyword: string]: Parameter };
  /** What stands against the parameters of a MAIL, or of a RCPT, taken together. */
  check?(given: Parameters, terms: Terms): Reply | undefined;
  /** New verbs, in upper case; an application's own begin with X (§4.1.5). */
  readonly verbs?: { readonly [verb: string]: Row<any> };
  /** By how many octets it lengthens the line of a command (§2.2.2, §4.5.3.1.4). */
  readonly lineOctets?: { readonly [verb: string]: number };
  /** It is a promise for the whole way of a message: a relay offers it only where its next hop does. */
  readonly endToEnd?: true;
  /** The same within what the other end says behind the keyword: its limits are what a client keeps to, and all that a relay may promise. */
  narrowed?(argument: string): Extension;
  /** Keywords of extensions that have to be offered with it. */
  readonly needs?: readonly string[];
}

/** The look-up tables of a composed set of extensions (grammar.ts); shared by all connections that have agreed on the same. */
export interface Grammar {
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly rows: ReadonlyMap<string, Row>;
  readonly transitions: Transitions;
  readonly mail: ReadonlyMap<string, Parameter>;
  readonly rcpt: ReadonlyMap<string, Parameter>;
  /** All verbs and keywords of these. */
  readonly words: Words;
  readonly checks: readonly NonNullable<Extension["check"]>[];
  /** The line of a verb that extensions lengthen; of all others it is `limits.commandLineOctets`. */
  readonly lineOctets: ReadonlyMap<string, number>;
  /** The longest of them: what is read before the verb is known. */
  readonly longestLine: number;
}

/**
 * Bare CR and bare LF, against §2.3.8. In mail data: refused, made CRLF, or passed on as they are and reported; only CRLF.CRLF
 * ends it, ever. In a command: with "normalise", or the leniency "bare-lf", LF ends it as CRLF does; all else is refused.
 */
export const LINE_ENDINGS = ["refuse", "normalise", "pass"] as const;
export type LineEndings = (typeof LINE_ENDINGS)[number];

/** What a server is set up with; made by `settings()`. */
export interface Settings {
  /** The name of this host, in the greeting and in the answer to EHLO (§4.1.1.1). */
  readonly hostname: string;
  readonly grammar: Grammar;
  readonly limits: Limits;
  readonly lineEndings: LineEndings;
  /** What is taken although the grammar has it otherwise. */
  readonly leniencies: ReadonlySet<Leniency>;
  /** LMTP (RFC 2033): LHLO, and a final reply for each accepted recipient. */
  readonly lmtp: boolean;
  /** Nothing but hello, NOOP, QUIT and the like before TLS (RFC 3207 §4). */
  readonly requireTls: boolean;
}

/** What the two ends know of each other. One for each connection; changed by the rows' `agree`, and where a transaction ends. */
export interface Terms extends Settings {
  /** How the client introduced itself. Only behind EHLO are there parameters (§4.1.1.2). */
  hello: Hello | undefined;
  transaction: Transaction;
  /** The session is under TLS (RFC 3207, RFC 8314). */
  secure: boolean;
  /** TLS gives something that a login can be tied to (RFC 5056). */
  bindable: boolean;
  /** AUTH has succeeded (RFC 4954). */
  authenticated: boolean;
  /** The verbs that not everybody may say, and this peer may: it is one of those that the application has named. */
  readonly permitted: ReadonlySet<string>;
  /** What the peer has told, with XFORWARD, of the client whose message comes next. */
  forwarded: Forwarded | undefined;
}

/** What is known of the peer when a session begins. */
export type PeerTerms = Partial<Readonly<Pick<Terms, "secure" | "bindable" | "permitted">>>;

/** What was accepted so far of a mail transaction (§3.3). */
export interface Transaction {
  readonly mail: Mail;
  readonly recipients: Rcpt[];
}

/** What a client is set up with. */
export interface ClientOptions {
  /** What is made use of where the peer offers it; if not given, all that clients know. */
  readonly extensions?: readonly Extension[];
  readonly limits?: Partial<Limits>;
  /** LMTP (RFC 2033): LHLO, and one final reply for each accepted recipient. */
  readonly lmtp?: boolean;
  /** What may be written although the grammar has it otherwise: for a relay, that passes on what it let in. None if not given. */
  readonly leniencies?: Iterable<Preset | Leniency>;
}
