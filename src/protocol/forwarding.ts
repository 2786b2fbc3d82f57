// What XCLIENT and XFORWARD have in common (XCLIENT_README and XFORWARD_README of Postfix): a peer tells attributes of the client
// that it speaks for, each a name, "=", and a value in xtext. Only peers that the application has named may do that.

import { EQUALS } from "./bytes.js";
import { UNAVAILABLE } from "./command.js";
import type { Extension, Row } from "./extension.js";
import { isReply, reply, type Reply } from "./reply.js";
import type { Scan } from "./scan.js";
import { esmtpKeyword, esmtpValue } from "./syntax.js";
import { atEnd, badSyntax, isHost } from "./verbs.js";
import { formatXtext, parseXtext } from "./xtext.js";

type Verb = "XCLIENT" | "XFORWARD";
type Value = string | number;
interface Attributes { readonly [name: string]: Value }
interface Told { readonly type: Verb; readonly attributes: Attributes }

/** Makes a value of a text whose xtext is undone; undefined where it is none. */
type Rule = (text: string) => Value | undefined;
export interface Rules { readonly [name: string]: Rule }

/** Of one value, in xtext. */
const VALUE_OCTETS = 255;
const PROTO_OCTETS = 64;

/** The extension: `rules` are the attributes that it knows, `row` is what becomes of the command. */
export function forwarding(verb: Verb, rules: Rules, row: Row<any>): Extension {
  const names = Object.keys(rules).join(" ");
  const syntax = `${verb} attribute=value [SP attribute=value]..., of ${names}`;
  const complete: Row<Told> = {
    syntax,
    privileged: true,
    parse: (scan) => {
      const attributes = parse(scan, rules, verb);
      return attributes === undefined ? badSyntax(syntax) : isReply(attributes) ? attributes : { type: verb, attributes };
    },
    format: ({ attributes }) => `${verb}${format(attributes)}`,
    ...row,
  };
  return {
    keyword: verb,
    argument: () => names,
    offered: ({ permitted }) => permitted.has(verb),
    narrowed: (argument) => forwarding(verb, Object.fromEntries(Object.entries(rules).filter(([name]) => argument.toUpperCase().split(" ").includes(name))), row),
    verbs: { [verb]: complete },
  };
}

/** 1*( SP attribute-name "=" attribute-value ). Undefined where it is none, or has a name that is not known, or has it twice. */
function parse(scan: Scan, rules: Rules, verb: Verb): Attributes | Reply | undefined {
  const attributes: { [name: string]: Value } = {};
  if (atEnd(scan)) return undefined;
  while (!atEnd(scan)) {
    const name = scan.take(esmtpKeyword)?.toUpperCase() ?? "";
    const xtext = scan.skip(EQUALS) ? scan.take(esmtpValue) : undefined;
    if (xtext === undefined || !Object.hasOwn(rules, name) || Object.hasOwn(attributes, name)) return undefined;
    const text = xtext.length <= VALUE_OCTETS ? parseXtext(xtext) : undefined;
    const value = text && rules[name]!(text);
    if (value === undefined) return reply(501, "5.5.4", `${name}: there is no such value`, `${verb}_README`);
    attributes[name] = value;
  }
  return attributes;
}

function format(attributes: Attributes): string {
  return Object.entries(attributes).map(([name, value]) => ` ${name}=${formatXtext(/ADDR$/.test(name) && String(value).includes(":") ? `IPV6:${value}` : String(value))}`).join("");
}

/** What a value may be besides: one of these words, in any case. */
export function or(words: readonly string[], rule: Rule): Rule {
  return (text) => words.find((word) => word === text.toUpperCase()) ?? rule(text);
}

export function orUnavailable(rule: Rule): Rule {
  return or([UNAVAILABLE], rule);
}

/** No value but words that were asked for before. */
export const none: Rule = () => undefined;

/** An IPv4 address, or "IPV6:" and an IPv6 address, without brackets. */
export const address: Rule = (text) => (/^(?:IPV6:|[\d.]+$)/i.test(text) && isHost(`[${text}]`) ? text.replace(/^IPV6:/i, "") : undefined);

export const port: Rule = (text) => (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 0xffff ? Number(text) : undefined);

/** The name of a host in the DNS: there are underscores in some. */
export const hostName: Rule = (text) => (/^[\w-]+(?:\.[\w-]+)*$/.test(text) ? text : undefined);

/** Who has logged in may have any name. */
export const login: Rule = (text) => (text.includes("\t") ? undefined : text);

/** What is not fit for a line of a log or a header (XFORWARD_README, note 1) is a question mark from here on, as it is at Postfix. */
export const token: Rule = (text) => text.replace(/[^!-~]|[<>()\\";@]/g, "?");

export const protocol: Rule = (text) => (text.length <= PROTO_OCTETS ? token(text) : undefined);

/** A text as the value of an attribute of XFORWARD: UNAVAILABLE where there is none, or it is too long. */
export function forwardable(text: string | undefined): string {
  const value = token(text || UNAVAILABLE) as string;
  return formatXtext(value).length <= VALUE_OCTETS ? value : UNAVAILABLE;
}
