// Who may speak for clients of its own, with XCLIENT and XFORWARD, and who the client is then.

import { TEMPORARILY_UNAVAILABLE, UNAVAILABLE, XCLIENT, XFORWARD, type ClientAttributes, type Extension } from "../protocol/index.js";
import { canonical } from "./address.js";
import { Networks } from "./networks.js";
import type { Peer } from "./strategy.js";

export interface ForwarderOptions {
  /** Networks whose hosts may say with XCLIENT that they are somebody else. Nobody, if not given. */
  readonly xclient?: readonly string[];
  /** Networks whose hosts may tell with XFORWARD where a message came from. Nobody, if not given. */
  readonly xforward?: readonly string[];
}

/** One for all that may say nothing: most connections are. */
const NONE: ReadonlySet<string> = new Set();

export class Forwarders {
  /** Those that somebody may use. */
  readonly extensions: readonly Extension[];
  readonly #networks: readonly (readonly [verb: string, networks: Networks])[];

  /** Throws RangeError for what is no network. */
  constructor({ xclient = [], xforward = [] }: ForwarderOptions) {
    const named = ([[XCLIENT, xclient], [XFORWARD, xforward]] as const).filter(([, networks]) => networks.length > 0);
    this.extensions = named.map(([extension]) => extension);
    this.#networks = named.map(([{ keyword }, networks]) => [keyword, new Networks(networks)]);
  }

  /** The verbs that a host may use. */
  permitted({ address, proxied }: Peer): ReadonlySet<string> {
    const verbs = this.#networks.filter(([, networks]) => proxied !== "unknown" && networks.has(address)).map(([verb]) => verb);
    return verbs.length === 0 ? NONE : new Set(verbs);
  }
}

/** The client that a host speaks for. Without an address it has the host's, and is known to be somebody else. */
export function spokenFor({ NAME, ADDR, PORT, LOGIN, DESTADDR, DESTPORT }: ClientAttributes, host: Peer): Peer {
  const [name, address, user] = [available(NAME), available(ADDR), available(LOGIN)];
  return {
    address: canonical(address ?? host.address),
    port: address === undefined ? host.port : available(PORT) ?? 0,
    localAddress: canonical(available(DESTADDR) ?? host.localAddress),
    localPort: available(DESTPORT) ?? host.localPort,
    proxied: address === undefined ? "unknown" : "client",
    ...(name !== undefined && { name }),
    ...(user !== undefined && { user }),
  };
}

/** A value, and no word for that there is none. */
function available<V>(value: V): Exclude<V, typeof UNAVAILABLE | typeof TEMPORARILY_UNAVAILABLE> | undefined {
  return value === UNAVAILABLE || value === TEMPORARILY_UNAVAILABLE ? undefined : (value as ReturnType<typeof available<V>>);
}
