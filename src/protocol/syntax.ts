// The grammar of RFC 5321 §4.1.2 and §4.1.3, one function a rule, the rule above it.
//
// A rule takes octets and a position and gives the position after what it matched, or FAIL. No rule is told where the line
// ends: a line keeps its CRLF, and CR and LF are in no character class. Every rule looks at each octet once or twice, never
// back. Where SMTPUTF8 extends a rule with non-ASCII octets (RFC 6531 §3.3), the class tables hold them; whether they are
// allowed is asked where the command is put together (verbs.ts), whether they are UTF-8 when they become text.

import {
  AT_SIGN, ATEXT, BACKSLASH, CLASSES, COLON, COMMA, DCONTENT, DIGIT, DOT, DOUBLE_QUOTE, ESMTP_VALUE, GREATER_THAN, HEXDIG, HYPHEN,
  LDH, LEFT_BRACKET, LESS_THAN, LET_DIG, NON_ASCII, PRINTABLE, QTEXT, RIGHT_BRACKET, UNDERSCORE,
} from "./bytes.js";
import { FAIL, Scan, span, type Rule } from "./scan.js";

/**
 * A mailbox with its source route. `localPart` is as it was written, quotes included; `domain` may be an address literal, and is
 * empty for <Postmaster> alone, unless a leniency lets other addresses go without one.
 */
export interface Path {
  readonly sourceRoute: readonly string[];
  readonly localPart: string;
  readonly domain: string;
}

/** Reverse-path = Path / "<>" — null for the null one; undefined where there is none of either. */
export function reversePath(scan: Scan): Path | null | undefined {
  if (scan.octet === LESS_THAN && scan.octets[scan.at + 1] === GREATER_THAN) {
    scan.at += 2;
    return null;
  }
  return path(scan);
}

/** "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path (§4.1.1.3: "Postmaster" in any case) */
export function forwardPath(scan: Scan): Path | undefined {
  return path(scan, isPostmaster);
}

/** Path = "<" [ A-d-l ":" ] Mailbox ">" */
function path(scan: Scan, alone?: Alone): Path | undefined {
  if (!scan.skip(LESS_THAN)) return undefined;
  const sourceRoute = scan.octet === AT_SIGN ? adl(scan) : NO_ROUTE;
  const found = sourceRoute && mailbox(scan, sourceRoute, alone);
  return scan.skip(GREATER_THAN) ? found : undefined;
}

/** §4.5.1: the one address that goes without a domain, in any case. */
export function isPostmaster(localPart: string): boolean {
  return localPart.toLowerCase() === "postmaster";
}

/** Which local parts may stand without a domain. */
type Alone = (localPart: string) => boolean;

const NOBODY: Alone = () => false;
const NO_ROUTE: readonly string[] = Object.freeze([]);

/** A-d-l = At-domain *( "," At-domain ), At-domain = "@" Domain — and the ":" that ends it */
function adl(scan: Scan): string[] | undefined {
  const route: string[] = [];
  do {
    const hop = scan.skip(AT_SIGN) ? scan.take(domain) : undefined;
    if (hop === undefined) return undefined;
    route.push(hop);
  } while (scan.skip(COMMA));
  return scan.skip(COLON) ? route : undefined;
}

/** Mailbox = Local-part "@" ( Domain / address-literal ) */
export function mailbox(scan: Scan, sourceRoute = NO_ROUTE, alone = NOBODY): Path | undefined {
  const localPart = scan.take(localPartRule) ?? (scan.lenient("dots-in-local-part") ? scan.take(atomsAndDots) : undefined);
  if (localPart === undefined) return undefined;
  const mayStandAlone = (): boolean => sourceRoute.length === 0 && (alone(localPart) || scan.lenient("address-without-domain"));
  const domain = scan.skip(AT_SIGN) ? mailboxHost(scan) : mayStandAlone() ? "" : undefined;
  return domain === undefined ? undefined : { sourceRoute, localPart, domain };
}

/** Domain / address-literal; or, by a leniency, a domain with underscores. All that the loose rule takes where `host` fails, or stops short, has one. */
function mailboxHost(scan: Scan): string | undefined {
  const from = scan.at;
  const found = scan.take(host);
  if (found !== undefined && scan.octet !== UNDERSCORE) return found;
  scan.at = from;
  const loose = scan.take(looseDomain);
  return loose !== undefined && scan.lenient("underscore-in-domain") ? loose : undefined;
}

/** Writes a path; null is the null reverse-path. */
export function formatPath(value: Path | null): string {
  if (value === null) return "<>";
  const route = value.sourceRoute.map((hop) => `@${hop}`).join(",");
  return `<${route}${route === "" ? "" : ":"}${formatMailbox(value)}>`;
}

/** Writes the mailbox of a path: what stands between the brackets, without the source route. */
export function formatMailbox({ localPart, domain }: Path): string {
  return domain === "" ? localPart : `${localPart}@${domain}`;
}

/** Local-part = Dot-string / Quoted-string */
const localPartRule: Rule = (octets, at) => (octets[at] === DOUBLE_QUOTE ? quotedString(octets, at + 1) : dotString(octets, at));

/** Dot-string = Atom *("." Atom), Atom = 1*atext */
const dotString: Rule = (octets, at) => {
  do {
    const to = span(ATEXT, octets, at);
    if (to === at) return FAIL;
    at = to + 1;
  } while (octets[at - 1] === DOT);
  return at - 1;
};

/** A leniency: 1*( atext / "." ), as some mailbox names of old are */
const atomsAndDots: Rule = (octets, at) => {
  const from = at;
  while (octets[at] === DOT || (CLASSES[octets[at]!]! & ATEXT) !== 0) at += 1;
  return at > from ? at : FAIL;
};

/** Behind its first DQUOTE: Quoted-string = DQUOTE *QcontentSMTP DQUOTE, QcontentSMTP = qtextSMTP / "\" %d32-126 */
const quotedString: Rule = (octets, at) => {
  let to = span(QTEXT, octets, at);
  while (octets[to] === BACKSLASH && octets[to + 1]! >= 0x20 && octets[to + 1]! <= 0x7e) to = span(QTEXT, octets, to + 2);
  return octets[to] === DOUBLE_QUOTE ? to + 1 : FAIL;
};

/** Domain = sub-domain *("." sub-domain) */
export const domain: Rule = (octets, at) => {
  do {
    const to = subDomain(octets, at);
    if (to === FAIL) return FAIL;
    at = to + 1;
  } while (octets[at - 1] === DOT);
  return at - 1;
};

/** sub-domain = Let-dig [Ldh-str], Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig — and sub-domain =/ U-label (RFC 6531 §3.3) */
const subDomain: Rule = (octets, at) => {
  if ((CLASSES[octets[at]!]! & LET_DIG) === 0) return FAIL;
  const to = span(LDH, octets, at);
  return octets[to - 1] === HYPHEN ? FAIL : to;
};

/** A leniency: Domain, with "_" for a letter anywhere */
const looseDomain: Rule = (octets, at) => {
  do {
    const from = at;
    while (octets[at] === UNDERSCORE || (CLASSES[octets[at]!]! & LDH) !== 0) at += 1;
    if (at === from || octets[from] === HYPHEN || octets[at - 1] === HYPHEN) return FAIL;
    at += 1;
  } while (octets[at - 1] === DOT);
  return at - 1;
};

/** esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
export const esmtpKeyword: Rule = (octets, at) => (octets[at] === HYPHEN ? FAIL : asciiLdh(octets, at));

/** esmtp-value = 1*(%d33-60 / %d62-126) */
export const esmtpValue: Rule = (octets, at) => {
  const to = span(ESMTP_VALUE, octets, at);
  return to > at ? to : FAIL;
};

/** ehlo = "EHLO" SP ( Domain / address-literal ) */
export const host: Rule = (octets, at) => (octets[at] === LEFT_BRACKET ? addressLiteral(octets, at) : domain(octets, at));

/** A word of printable ASCII: what programs say after EHLO when they know no name of their own. */
export const word: Rule = (octets, at) => {
  const to = span(PRINTABLE, octets, at);
  return to > at ? to : FAIL;
};

/** address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]" */
export const addressLiteral: Rule = (octets, at) => {
  const ipv4 = ipv4AddressLiteral(octets, at + 1);
  const to = ipv4 === FAIL ? taggedLiteral(octets, at + 1) : ipv4;
  return octets[to] === RIGHT_BRACKET ? to + 1 : FAIL;
};

/** IPv4-address-literal = Snum 3("." Snum) */
const ipv4AddressLiteral: Rule = (octets, at) => {
  at = snum(octets, at);
  for (let more = 3; more > 0 && at !== FAIL; more--) at = octets[at] === DOT ? snum(octets, at + 1) : FAIL;
  return at;
};

/** Snum = 1*3DIGIT, from 0 through 255 */
const snum: Rule = (octets, at) => {
  let value = 0;
  const from = at;
  while (at - from < 3 && (CLASSES[octets[at]!]! & DIGIT) !== 0) value = value * 10 + octets[at++]! - 0x30;
  return at > from && value <= 255 ? at : FAIL;
};

/** IPv6-address-literal = "IPv6:" IPv6-addr / General-address-literal = Standardized-tag ":" 1*dcontent, Standardized-tag = Ldh-str */
const taggedLiteral: Rule = (octets, at) => {
  const tag = new Scan(octets, at);
  if (tag.skipWord("IPV6:")) return ipv6Addr(octets, tag.at);
  const colon = ldhStr(octets, at);
  if (octets[colon] !== COLON) return FAIL;
  const to = span(DCONTENT, octets, colon + 1);
  return to > colon + 1 ? to : FAIL;
};

/**
 * IPv6-full   = IPv6-hex 7(":" IPv6-hex)
 * IPv6-comp   = [IPv6-hex *5(":" IPv6-hex)] "::" [IPv6-hex *5(":" IPv6-hex)]      (6 groups at the most)
 * IPv6v4-full = IPv6-hex 5(":" IPv6-hex) ":" IPv4-address-literal
 * IPv6v4-comp = [IPv6-hex *3(":" IPv6-hex)] "::" [IPv6-hex *3(":" IPv6-hex) ":"] IPv4-address-literal   (4 groups at the most)
 */
const ipv6Addr: Rule = (octets, at) => {
  let groups = 0;
  let compressed = false;
  for (;;) {
    if (octets[at] === COLON && octets[at + 1] === COLON) {
      if (compressed) return FAIL;
      compressed = true;
      at += 2;
    } else if (groups > 0) {
      if (octets[at] !== COLON) break;
      at += 1;
    }
    const to = ipv6Hex(octets, at);
    if (to !== FAIL && octets[to] === DOT) {
      const most = compressed ? groups <= 4 : groups === 6;
      return most ? ipv4AddressLiteral(octets, at) : FAIL;
    }
    if (to === FAIL) return compressed && octets[at - 2] === COLON && groups <= 6 ? at : FAIL;
    groups += 1;
    if (groups > 8) return FAIL;
    at = to;
  }
  return (compressed ? groups <= 6 : groups === 8) ? at : FAIL;
};

/** IPv6-hex = 1*4HEXDIG */
const ipv6Hex: Rule = (octets, at) => {
  const from = at;
  while (at - from < 4 && (CLASSES[octets[at]!]! & HEXDIG) !== 0) at += 1;
  return at > from ? at : FAIL;
};

/** Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig */
const ldhStr: Rule = (octets, at) => {
  const to = asciiLdh(octets, at);
  return to === FAIL || octets[to - 1] === HYPHEN ? FAIL : to;
};

/** 1*( ALPHA / DIGIT / "-" ) */
export const asciiLdh: Rule = (octets, at) => {
  const from = at;
  while ((CLASSES[octets[at]!]! & (LDH | NON_ASCII)) === LDH) at += 1;
  return at > from ? at : FAIL;
};
