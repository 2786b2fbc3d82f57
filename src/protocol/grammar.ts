// Composes extensions into the look-up tables of a conversation (RFC 5321 §2.2): for all that an end can do, once; and for what two
// ends agree on.

import type { Extension, Grammar, Parameter, Row, Settings } from "./extension.js";
import { AUTH } from "./extensions/auth.js";
import { BINARYMIME } from "./extensions/binarymime.js";
import { CHUNKING } from "./extensions/chunking.js";
import { EIGHT_BIT_MIME } from "./extensions/8bitmime.js";
import { ENHANCED_STATUS_CODES } from "./extensions/enhancedstatuscodes.js";
import { HELP } from "./extensions/help.js";
import { PIPELINING } from "./extensions/pipelining.js";
import { SIZE } from "./extensions/size.js";
import { SMTPUTF8 } from "./extensions/smtputf8.js";
import { STARTTLS } from "./extensions/starttls.js";
import { leniencies, type Leniency, type Preset } from "./leniency.js";
import { LIMITS, type Limits } from "./limits.js";
import type { Reply } from "./reply.js";
import { COMMAND_STATES, TRANSITIONS, type Moves, type State } from "./state.js";
import { COMMANDS } from "./verbs.js";
import { Words } from "./words.js";

/** What is offered unless something else is asked for. SMTPUTF8 is not: an application has to be ready for such addresses. */
export const DEFAULT_EXTENSIONS: readonly Extension[] = [PIPELINING, SIZE, EIGHT_BIT_MIME, ENHANCED_STATUS_CODES, HELP];

/** What a client makes use of where it is offered. */
export const CLIENT_EXTENSIONS: readonly Extension[] = [
  PIPELINING, SIZE, EIGHT_BIT_MIME, ENHANCED_STATUS_CODES, SMTPUTF8, STARTTLS, AUTH, CHUNKING, BINARYMIME,
];

export interface SettingsOptions {
  readonly hostname?: string;
  readonly extensions?: readonly Extension[];
  readonly limits?: Partial<Limits>;
  readonly lineEndings?: Settings["lineEndings"];
  /** Presets and single names; "interoperable" if not given. */
  readonly leniencies?: Iterable<Preset | Leniency>;
  readonly lmtp?: boolean;
  readonly requireTls?: boolean;
}

/** Settings from options. Throws Error where the extensions cannot be composed, RangeError for a leniency that is none. */
export function settings(options: SettingsOptions = {}): Settings {
  const limits = { ...LIMITS, ...options.limits };
  const lineEndings = options.lineEndings ?? "refuse";
  return {
    hostname: options.hostname ?? "localhost",
    grammar: compose(options.extensions ?? DEFAULT_EXTENSIONS, limits, options.lmtp),
    limits,
    lineEndings,
    leniencies: leniencies([...(options.leniencies ?? ["interoperable" as const]), ...(lineEndings === "normalise" ? ["bare-lf" as const] : [])]),
    lmtp: options.lmtp ?? false,
    requireTls: options.requireTls ?? false,
  };
}

/** Keywords with their arguments, as one end of a conversation offers them to the other (§4.1.1.1). */
export type Offers = ReadonlyMap<string, string>;

/** ehlo-line = ehlo-keyword *( SP ehlo-param ), each a line below the greeting. */
export function offersOf({ lines }: Reply): Offers {
  const offers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const [, keyword, argument = ""] = /^([A-Za-z0-9][A-Za-z0-9-]*)(?: +([^ ][^]*))?$/.exec(line.trimEnd()) ?? [];
    if (keyword !== undefined) offers.set(keyword.toUpperCase(), argument);
  }
  return offers;
}

export const NO_OFFERS: Offers = new Map();

/** What both ends can do, at the sending end: the tables for what the other offers, within its limits. */
export function agreed(ours: Settings, theirs: Offers): Settings {
  const limits = { ...ours.limits, messageOctets: sizeOffered(theirs) };
  const extensions = offered(ours.grammar.extensions.values(), theirs).map((each) => narrowed(each, theirs));
  return { ...ours, limits, grammar: compose(extensions, limits, ours.lmtp) };
}

/** Of what this end knows, what the other offers: each extension with all that it needs. */
function offered(known: Iterable<Extension>, offers: Offers): Extension[] {
  return [...known].filter(({ keyword, needs = [] }) => [keyword, ...needs].every((each) => offers.has(each)));
}

/** An extension within what the other end, which offers it, says of it. */
function narrowed(extension: Extension, offers: Offers): Extension {
  return extension.narrowed?.(offers.get(extension.keyword)!) ?? extension;
}

/** What a relay may offer: what holds for the whole way only as far as its next hop does it too, within its limits, and the smaller SIZE. */
export function relayed(ours: Settings, nextHop: Offers): Settings {
  const limits = { ...ours.limits, messageOctets: smaller(ours.limits.messageOctets, sizeOffered(nextHop)) };
  const all = [...ours.grammar.extensions.values()];
  const throughout = new Set(offered(all, nextHop));
  const extensions = all.flatMap((each) => (each.endToEnd !== true ? each : throughout.has(each) ? narrowed(each, nextHop) : []));
  return { ...ours, limits, grammar: compose(extensions, limits, ours.lmtp) };
}

/** The largest message a server takes, in octets; 0 where it does not say, or has no limit (RFC 1870 §4). */
export function sizeOffered(offers: Offers): number {
  const text = offers.get("SIZE") ?? "";
  return /^\d{1,20}$/.test(text) ? Math.min(Number(text), Number.MAX_SAFE_INTEGER) : 0;
}

/** Of two limits, of which 0 is none. */
function smaller(one: number, other: number): number {
  return one === 0 || other === 0 ? Math.max(one, other) : Math.min(one, other);
}

/** RFC 2033 §4.1: LHLO takes the place of EHLO and HELO. */
const HELLOS: { readonly [protocol in "smtp" | "lmtp"]: readonly string[] } = { smtp: ["EHLO", "HELO"], lmtp: ["LHLO"] };

/** The tables of RFC 5321 and of these extensions. Throws Error where one claims a name that is taken, or lacks what it needs. */
export function compose(extensions: readonly Extension[], limits: Limits = LIMITS, lmtp = false): Grammar {
  const byKeyword = new Map<string, Extension>();
  const foreign = HELLOS[lmtp ? "smtp" : "lmtp"];
  const rows = new Map<string, Row>(Object.entries(COMMANDS).filter(([verb]) => !foreign.includes(verb)));
  const mail = new Map<string, Parameter>();
  const rcpt = new Map<string, Parameter>();
  const lineOctets = new Map<string, number>();
  const transitions = Object.fromEntries(
    Object.entries(TRANSITIONS).map(([state, moves]) => [state, { ...moves }]),
  ) as Record<State, Record<string, Moves>>;

  for (const extension of extensions) {
    claim(byKeyword, { [extension.keyword]: extension }, "keyword");
    claim(mail, extension.mail, "MAIL parameter");
    claim(rcpt, extension.rcpt, "RCPT parameter");
    for (const verb of Object.keys(extension.verbs ?? {})) {
      if (rows.get(verb)?.parse === undefined) rows.delete(verb); // known so far, and not implemented
    }
    claim(rows, extension.verbs, "verb");
    for (const [verb, row] of Object.entries(extension.verbs ?? {})) {
      for (const [state, moves] of Object.entries(row.in ?? ANYWHERE)) transitions[state as State][verb] = moves!;
    }
    for (const [verb, octets] of Object.entries(extension.lineOctets ?? {})) {
      lineOctets.set(verb, (lineOctets.get(verb) ?? limits.commandLineOctets) + octets);
    }
  }
  for (const { keyword, needs = [] } of extensions) {
    const missing = needs.find((other) => !byKeyword.has(other));
    if (missing !== undefined) throw new Error(`${keyword} cannot be offered without ${missing}`);
  }
  const checks = extensions.flatMap(({ check }) => check ?? []);
  const longestLine = Math.max(limits.commandLineOctets, ...lineOctets.values());
  const words = new Words([...rows.keys(), ...mail.keys(), ...rcpt.keys()].filter((name) => NAME.test(name)));
  return { extensions: byKeyword, rows, transitions, mail, rcpt, words, checks, lineOctets, longestLine };
}

const ANYWHERE: NonNullable<Row["in"]> = Object.fromEntries(COMMAND_STATES.map((state) => [state, { 2: "same" }]));

/** ehlo-keyword, esmtp-keyword and verb: all of one form (§4.1.1.1, §4.1.2), in upper case here. */
const NAME = /^[A-Z0-9][A-Z0-9-]*$/;

function claim<T>(table: Map<string, T>, added: { readonly [name: string]: T } | undefined, what: string): void {
  for (const [name, value] of Object.entries(added ?? {})) {
    if (!NAME.test(name)) throw new Error(`"${name}" is no ${what}`);
    if (table.has(name)) throw new Error(`the ${what} ${name} is taken`);
    table.set(name, value);
  }
}
