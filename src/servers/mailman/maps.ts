// The Postfix maps that Mailman writes whenever a list is made or removed (its mta/postfix.py): data/postfix_lmtp has the addresses
// of all lists, data/postfix_domains the domains, data/postfix_vmap what the lists of domains with an alias are really called. Each
// is written whole and renamed, so what is opened is never half of one.

import { open, stat } from "node:fs/promises";
import { hostsOf, type Hosts } from "./address.js";
import { CannotTell, type Known } from "./directory.js";

/** A map of some fifty thousand lists; what is longer is none of Mailman's. */
const MAX_MAP_OCTETS = 33_554_432;
/** An address is 320 octets at the most (RFC 5321 §4.5.3.1), in front of a host and a port. */
const MAX_LINE_OCTETS = 4_096;
/** How often it is read again because it was replaced while it was read. */
const MAX_READS = 3;

/** `vmap` is there only if a domain with lists has an alias. */
export interface MapFiles { readonly lmtp: string; readonly domains: string; readonly vmap: string }

export class PostfixMaps {
  readonly #files: MapFiles;
  #version = "";
  /** What was read, or why it tells nothing. */
  #read: Known | CannotTell | undefined;
  #asking: Promise<Known> | undefined;

  constructor(files: MapFiles) {
    this.#files = files;
  }

  /** What the maps say now. Many ask, one looks. */
  known(): Promise<Known> {
    return (this.#asking ??= this.#look().finally(() => (this.#asking = undefined)));
  }

  /** They are read again where they have changed. */
  async #look(): Promise<Known> {
    let version = await this.#versionNow();
    for (let reads = 0; version !== this.#version; reads++) {
      if (reads === MAX_READS) throw new CannotTell(`${this.#files.lmtp} changes faster than it can be read`);
      const read = await this.#knownNow(version);
      const before = version;
      version = await this.#versionNow();
      if (version === before) [this.#version, this.#read] = [version, read]; // else one of them is newer than another
    }
    if (this.#read instanceof CannotTell) throw this.#read;
    return this.#read!;
  }

  async #knownNow(version: string): Promise<Known | CannotTell> {
    const { lmtp, domains, vmap } = this.#files;
    try {
      return knownFrom(await contentOf(lmtp), await contentOf(domains), version.endsWith(ABSENT) ? "" : await contentOf(vmap));
    } catch (error) {
      if (error instanceof CannotTell) return error;
      throw error;
    }
  }

  async #versionNow(): Promise<string> {
    const { lmtp, domains, vmap } = this.#files;
    return [await versionOf(lmtp), await versionOf(domains), await versionOf(vmap, ABSENT)].join(", "); // in turn: of several troubles always the same is told
  }
}

const ABSENT = "absent";

async function versionOf(path: string, ifAbsent?: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if (ifAbsent !== undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return ifAbsent;
    return unreadable(path, error);
  }
}

async function contentOf(path: string): Promise<string> {
  const file = await open(path).catch((error: unknown) => unreadable(path, error));
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > MAX_MAP_OCTETS) throw new CannotTell(`${path} is no map: it is no file, or larger than ${MAX_MAP_OCTETS} octets`);
    const octets = Buffer.alloc(stats.size);
    const { bytesRead } = await file.read(octets, 0, stats.size, 0);
    if (bytesRead < stats.size) throw new CannotTell(`${path} cannot be read to its end`);
    return octets.toString("latin1");
  } finally {
    await file.close();
  }
}

function unreadable(path: string, error: unknown): never {
  throw new CannotTell(`${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
}

/** Reads the maps, in the form of Postfix's hash tables or of its regexp tables. */
export function knownFrom(lmtp: string, domains: string, vmap: string): Known {
  const lists = new Set(listsIn(lmtp).map(({ address }) => address));
  const renamed = listsIn(vmap);
  for (const { value } of renamed) lists.delete(value); // "ant@alias.example" is not what the list is called
  for (const { address } of renamed) lists.add(address);
  return { hosts: hostsIn(domains), has: (list) => lists.has(list) };
}

/** "alias.example example.org", or "example.org example.org": the domain that mail has, and the one that the lists are in. */
function hostsIn(text: string): Hosts {
  const entries = entriesOf(text).filter((entry) => entry !== undefined);
  return hostsOf(entries.map(({ key, value }) => ({ host: value, alias: key === value ? undefined : key })));
}

/** A list is a run of lines: its own address first, then its sub-addresses. */
function listsIn(text: string): { readonly address: string; readonly value: string }[] {
  const lists = [];
  let list: readonly string[] | undefined;
  for (const entry of entriesOf(text)) {
    if (entry === undefined) {
      list = undefined;
      continue;
    }
    const { key, value } = entry;
    const at = key.lastIndexOf("@");
    if (at < 1 || at === key.length - 1) throw notAMap(key);
    const [localPart, domain] = [key.slice(0, at), key.slice(at + 1)] as const;
    if (list === undefined) {
      list = [localPart, domain];
      lists.push({ address: key, value });
    } else if (domain !== list[1] || !localPart.startsWith(`${list[0]}-`)) {
      throw notAMap(key);
    }
  }
  return lists;
}

interface Entry { readonly key: string; readonly value: string }

/** A key and its value for each line; undefined for a comment or an empty line. */
function entriesOf(text: string): (Entry | undefined)[] {
  const entries: (Entry | undefined)[] = [];
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    if (to - from > MAX_LINE_OCTETS) throw new CannotTell(`a map has a line of more than ${MAX_LINE_OCTETS} octets`);
    const line = text.slice(from, to).trim();
    entries.push(line === "" || line.startsWith("#") ? undefined : entryOf(line));
    from = to + 1;
  }
  return entries;
}

/** Behind an expression the value may stand without a blank: there is no other slash in the key. */
function entryOf(line: string): Entry {
  const keyEnds = line.startsWith("/") ? line.indexOf("/", 1) + 1 : line.search(/[ \t]/);
  const [key, value] = [line.slice(0, Math.max(0, keyEnds)), line.slice(keyEnds).trim()];
  if (key === "" || value === "" || /[ \t]/.test(value)) throw notAMap(line);
  return { key: plain(key), value };
}

const ANY_TAIL = "(\\+.*)?";

/** A key as an address. The expression "/^ant-bounces(\+.*)?@example\.org$/" is taken apart as Mailman put it together, and never compiled. */
function plain(key: string): string {
  if (!key.startsWith("/")) return key;
  const inside = key.startsWith("/^") && key.endsWith("$/") ? key.slice(2, -2).replace(ANY_TAIL, "").replaceAll("\\.", ".") : "\\";
  if (inside.includes("\\")) throw notAMap(key);
  return inside;
}

function notAMap(text: string): CannotTell {
  return new CannotTell(`a map has a line that Mailman does not write: ${JSON.stringify(text.slice(0, 80))}`);
}
