// What XCLIENT and XFORWARD have in common (XCLIENT_README and XFORWARD_README of Postfix): a peer tells attributes of the client
// that it speaks for, each a name, "=", and a value in xtext. Only peers that the application has named may do that.

import { EQUALS } from "./bytes.js";
import { TEMPORARILY_UNAVAILABLE, UNAVAILABLE } from "./command.js";
import type { Extension, Row } from "./extension.js";
import { isReply, reply, type Reply } from "./reply.js";
import type { Scan } from "./scan.js";
import { esmtpValue } from "./syntax.js";
import { atEnd, badSyntax, isHost } from "./verbs.js";
import { keyword } from "./words.js";
import { formatXtext, parseXtext } from "./xtext.js";

type Verb = "XCLIENT" | "XFORWARD";
type Value = string | number;
interface Values { readonly [name: string]: Value }
interface Told { readonly type: Verb; readonly attributes: Values }

/** What an attribute may be: of a text whose xtext is undone `parse` makes a value, undefined where it is none; `format` is the inverse. */
export interface Attribute {
  parse(text: string): Value | undefined;
  format(value: Value): string;
}
export interface Attributes { readonly [name: string]: Attribute }

/** Of one value, in xtext. */
const VALUE_OCTETS = 255;
const PROTO_OCTETS = 64;

/** The extension: `known` are the attributes that it has, `row` is what becomes of the command. */
export function forwarding(verb: Verb, known: Attributes, row: Row<any>): Extension {
  const names = Object.keys(known);
  const syntax = `${verb} attribute=value [SP attribute=value]..., of ${names.join(" ")}`;
  const complete: Row<Told> = {
    syntax,
    privileged: true,
    parse: (scan) => {
      const attributes = parse(scan, known, verb);
      return attributes === undefined ? badSyntax(syntax) : isReply(attributes) ? attributes : { type: verb, attributes };
    },
    format: ({ attributes }) => `${verb}${format(attributes, known)}`,
    ...row,
  };
  return {
    keyword: verb,
    argument: () => names.join(" "),
    offered: ({ permitted }) => permitted.has(verb),
    narrowed: (argument) => {
      const theirs = argument.toUpperCase().split(" ");
      return forwarding(verb, Object.fromEntries(Object.entries(known).filter(([name]) => theirs.includes(name))), row);
    },
    verbs: { [verb]: complete },
  };
}

/** 1*( SP attribute-name "=" attribute-value ). Undefined where it is none, or has a name that is not known, or has it twice. */
function parse(scan: Scan, known: Attributes, verb: Verb): Values | Reply | undefined {
  const values: { [name: string]: Value } = {};
  if (atEnd(scan)) return undefined;
  while (!atEnd(scan)) {
    const name = keyword(scan) ?? "";
    const xtext = scan.skip(EQUALS) ? scan.take(esmtpValue) : undefined;
    if (xtext === undefined || !Object.hasOwn(known, name) || Object.hasOwn(values, name)) return undefined;
    const text = xtext.length <= VALUE_OCTETS ? parseXtext(xtext) : undefined;
    const value = text && known[name]!.parse(text);
    if (value === undefined) return reply(501, "5.5.4", `${name}: there is no such value`, `${verb}_README`);
    values[name] = value;
  }
  return values;
}

/** The inverse; what is not known does not read back. */
function format(values: Values, known: Attributes): string {
  const text = (name: string, value: Value): string => (Object.hasOwn(known, name) ? known[name]!.format(value) : "");
  return Object.entries(values).map(([name, value]) => ` ${name}=${formatXtext(text(name, value))}`).join("");
}

/** One of these words, in any case; or else what another attribute may be. */
export function wordsOr(words: readonly string[], other?: Attribute): Attribute {
  return {
    parse: (text) => words.find((word) => word === text.toUpperCase()) ?? other?.parse(text),
    format: (value) => (other === undefined || words.includes(value as string) ? String(value) : other.format(value)),
  };
}

export function orUnavailable(attribute: Attribute): Attribute {
  return wordsOr([UNAVAILABLE], attribute);
}

function asItIs(parse: Attribute["parse"]): Attribute {
  return { parse, format: String };
}

/** Snum (RFC 5321 §4.1.3) may begin with zeros. In an address they would mean another number to some, and none to others. */
const LEADING_ZERO = /\b0\d+\.|\.0\d/;

/** An IPv4 address, or "IPV6:" and an IPv6 address, without brackets. */
export const addressAttribute: Attribute = {
  parse: (text) => (/^(?:IPV6:|[\d.]+$)/i.test(text) && !LEADING_ZERO.test(text) && isHost(`[${text}]`) ? text.replace(/^IPV6:/i, "") : undefined),
  format: (value) => (String(value).includes(":") ? `IPV6:${value}` : String(value)),
};

export const portAttribute = asItIs((text) => (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 0xffff ? Number(text) : undefined));

/** The name of a host in the DNS: there are underscores in some. */
export const hostNameAttribute = asItIs((text) => (/^[\w-]+(?:\.[\w-]+)*$/.test(text) ? text : undefined));

/** Who has logged in may have any name, but for the word that a name may be looked up later: nobody is let in for that. */
export const loginAttribute = asItIs((text) => (text.includes("\t") || text.toUpperCase() === TEMPORARILY_UNAVAILABLE ? undefined : text));

/** What is not fit for a line of a log or a header (XFORWARD_README, note 1) is a question mark from here on, as it is at Postfix. */
function fitForLogs(text: string): string {
  return text.replace(/[^!-~]|[<>()\\";@]/g, "?");
}

export const tokenAttribute = asItIs(fitForLogs);

export const protocolAttribute = asItIs((text) => (text.length <= PROTO_OCTETS ? fitForLogs(text) : undefined));

/** A text as the value of an attribute of XFORWARD: UNAVAILABLE where there is none, or it is too long. */
export function forwardable(text: string | undefined): string {
  const value = fitForLogs(text || UNAVAILABLE);
  return formatXtext(value).length <= VALUE_OCTETS ? value : UNAVAILABLE;
}
