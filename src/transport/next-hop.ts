// Where a relay sends to: addresses as they are given, and the hosts of a domain (RFC 5321 §5.1).

import { lookup, resolveMx } from "node:dns/promises";
import { isIP } from "node:net";
import type { Reply } from "../protocol/index.js";
import { SMTP_PORT, type Address } from "./address.js";
import { inTime, type Signal } from "./in-time.js";
import { TROUBLES } from "./trouble.js";

/** [host, port], the path of a unix socket, or "mx:example.org": the mail exchangers of a domain. */
export type NextHop = readonly [host: string, port: number] | `/${string}` | `mx:${string}`;

/** One place to connect to: an IP address or a path, and the name that its certificate has to hold. */
export interface Target {
  readonly address: Address;
  readonly name: string;
  /** Of an MX record; the lower, the better. */
  readonly preference: number;
}

export interface Resolver {
  resolveMx(domain: string): Promise<readonly { readonly exchange: string; readonly priority: number }[]>;
}

/** More addresses than this are not tried for one next hop. */
const MAX_TARGETS = 20;
const ABSOLUTE = ".";
const LOOKUP_MS = 20_000;
/** The domain has no MX record: it is its own mail exchanger then. */
const NO_MX: readonly unknown[] = ["ENODATA", "ENOTFOUND"];

export interface LookupOptions {
  /** Who looks up mail exchangers: the system if not given. */
  readonly resolver?: Resolver | undefined;
  /** Whether this server listens there. */
  readonly isOurs?: ((address: Address) => boolean) | undefined;
  /** Nobody waits for it any more. */
  readonly stop?: Signal;
}

/** The places that a next hop stands for, the best first; or why there are none. */
export async function targetsOf(hop: NextHop, options: LookupOptions = {}): Promise<readonly Target[] | Reply> {
  const { resolver = { resolveMx }, isOurs = () => false, stop } = options;
  const look = (): Promise<readonly Target[] | Reply> => (isExchange(hop) ? exchangers(hop.slice("mx:".length), resolver) : addresses(hop, 0));
  const found = await inTime(LOOKUP_MS, TROUBLES.noLookup, look, stop && [stop]);
  if ("code" in found) return found;
  const ours = Math.min(...found.filter(({ address }) => isOurs(address)).map(({ preference }) => preference));
  const better = found.filter(({ preference }) => preference < ours); // §5.1: none that is as far away as we are
  return better.length > 0 ? better.slice(0, MAX_TARGETS) : found.length > 0 ? TROUBLES.ourselves : TROUBLES.noAddress;
}

export function isExchange(hop: NextHop): hop is `mx:${string}` {
  return typeof hop === "string" && hop.startsWith("mx:");
}

async function exchangers(domain: string, resolver: Resolver): Promise<readonly Target[] | Reply> {
  let records: Awaited<ReturnType<Resolver["resolveMx"]>>;
  try {
    records = await resolver.resolveMx(domain);
  } catch (error) {
    return NO_MX.includes((error as NodeJS.ErrnoException).code) ? addresses([domain, SMTP_PORT], 0, ABSOLUTE) : TROUBLES.noLookup;
  }
  if (!(records?.length > 0)) return addresses([domain, SMTP_PORT], 0, ABSOLUTE);
  if (records.every(({ exchange }) => exchange === "" || exchange === ".")) return TROUBLES.nullMx;
  const inTurn = records
    .map((record) => ({ ...record, chance: Math.random() })) // §5.1: hosts of one preference share the load
    .sort((one, other) => one.priority - other.priority || one.chance - other.chance)
    .slice(0, MAX_TARGETS);
  const found = await Promise.all(inTurn.map(({ exchange, priority }) => addresses([exchange, SMTP_PORT], priority, ABSOLUTE)));
  return found.flatMap((targets) => ("code" in targets ? [] : targets));
}

/** `suffix`: with a dot behind it a name is looked up as it is, and not within domains of this host's (§5.1: no partial names). */
async function addresses(address: Address, preference: number, suffix = ""): Promise<readonly Target[] | Reply> {
  if (typeof address === "string") return [{ address, name: "localhost", preference }];
  const [name, port] = address;
  if (isIP(name) !== 0) return [{ address, name, preference }];
  const found = await lookup(`${name}${suffix}`, { all: true }).catch(() => []);
  return found.length === 0 ? TROUBLES.noAddress : found.map(({ address: ip }) => ({ address: [ip, port], name, preference }));
}
