// Which list an address may be of: what Mailman 3 makes of a recipient (its LMTP server, split_recipient), and what Python's
// MailmanProxy made of one. Pure: which lists there are is asked elsewhere.

import type { Path } from "../../protocol/index.js";

export const SUB_ADDRESSES = ["bounces", "confirm", "join", "leave", "owner", "request", "subscribe", "unsubscribe"] as const;
export type SubAddress = (typeof SUB_ADDRESSES)[number];

/** What an address is of. */
export interface Listed {
  /** The list's own address: "ant@example.org". */
  readonly list: string;
  /** Empty for a posting. */
  readonly subAddress: SubAddress | "";
  /** What Mailman is told in the place of the address, where that is not the address as it came. */
  readonly recipient?: Path;
}

/** Domains as mail has them, and the domain that their lists are in: {"example.org": "example.org", "alias.example": "example.org"}. */
export type Hosts = ReadonlyMap<string, string>;

/**
 * From Mailman's domains, each with its alias_domain, if it has one. An alias goes before a domain of the same name, and of two that
 * are the same the first counts. Mailman compares them as they are written, with an address in lower case.
 */
export function hostsOf(domains: readonly { readonly host: string; readonly alias?: string | undefined }[]): Hosts {
  const hosts = new Map<string, string>();
  for (const { host, alias } of domains) if (alias !== undefined && !hosts.has(alias)) hosts.set(alias, host);
  for (const { host } of domains) if (!hosts.has(lower(host))) hosts.set(lower(host), lower(host));
  return hosts;
}

export interface AddressRule {
  /** What of a local part stands behind it is of no matter here: mailman.cfg's verp_delimiter. Never empty. */
  readonly delimiter: string;
  /** Python's rule: the domain is ignored, and a name with more than one dash is no list's. */
  readonly classic: boolean;
}

/** What an address may mean, the better first: the first whose list exists is it. None: it cannot be Mailman's. */
export function candidates(path: Path, hosts: Hosts, rule: AddressRule): readonly Listed[] {
  return rule.classic ? classic(path, hosts) : mailman3(path, hosts, rule.delimiter);
}

/** A list of exactly that name, or else the one before the last dash, if a sub-address stands behind it. */
function mailman3({ localPart, domain }: Path, hosts: Hosts, delimiter: string): Listed[] {
  const host = hosts.get(lower(domain));
  const mailbox = unquoted(localPart);
  const name = SPECIAL.test(mailbox) ? undefined : nameOf(mailbox.split(delimiter, 1)[0]!);
  if (host === undefined || name === undefined) return [];
  const dash = name.lastIndexOf("-");
  const subAddress = SUB_ADDRESSES.find((each) => each === name.slice(dash + 1));
  const exact: Listed = { list: `${name}@${host}`, subAddress: "" };
  return subAddress === undefined || dash < 1 ? [exact] : [exact, { list: `${name.slice(0, dash)}@${host}`, subAddress }];
}

/** Python's commands, and what Mailman 3 calls them: it has no "admin" any more. */
const CLASSIC = { "": "", admin: "owner", owner: "owner", request: "request", join: "join", leave: "leave" } as const;

function classic({ localPart }: Path, hosts: Hosts): Listed[] {
  const [list = "", command = "", ...more] = (nameOf(unquoted(localPart)) ?? "").split("-");
  if (list === "" || more.length > 0 || !Object.hasOwn(CLASSIC, command)) return [];
  const subAddress = CLASSIC[command as keyof typeof CLASSIC];
  return [...new Set(hosts.values())].map((domain) => ({
    list: `${list}@${domain}`,
    subAddress,
    recipient: { sourceRoute: [], localPart: subAddress === "" ? list : `${list}-${subAddress}`, domain },
  }));
}

/** All that Mailman allows in the name of a list, whatever its listname_chars: nothing else is ever looked for in a file or asked for. */
const LIST_NAME = /^[-_.+=!$*{}~0-9A-Za-z]+$/;

function nameOf(text: string): string | undefined {
  return LIST_NAME.test(text) ? lower(text) : undefined;
}

/** With one of these anywhere in it a local part has to be quoted, and Mailman looks for it with its quotes: there is no such list. */
const SPECIAL = /[\t "(),:;<>@[\\\]]/;

/** quoted-string without its quotes and backslashes (RFC 5321 §4.1.2): the same mailbox. */
export function unquoted(localPart: string): string {
  return localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\(.)/g, "$1") : localPart;
}

/** ASCII alone: a letter that is none must not become one. */
function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Under which name two recipients are one delivery: what is behind the delimiter counts for -bounces alone, where it tells whose mail came back. */
export function deliveryOf({ list, subAddress }: Listed, { localPart }: Path): string {
  const same = { subscribe: "join", unsubscribe: "leave" }[subAddress as string] ?? subAddress;
  return same === "bounces" ? `${list} ${same} ${unquoted(localPart)}` : `${list} ${same}`;
}
