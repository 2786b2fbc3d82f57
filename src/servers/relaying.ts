// Who may relay, and where to: what keeps a proxy from being an open relay (RFC 5321 §7.9).

import { isPostmaster, reply, type Path } from "../protocol/index.js";
import { isOnThisHost, Networks, type Peer } from "../transport/index.js";

export interface RelayingOptions {
  /** Networks whose clients may relay, besides this host's own: "192.0.2.0/24", "2001:db8::/32", "192.0.2.7". */
  readonly allow?: readonly string[];
  /** Domains that anybody may send to: "example.org"; with a dot in front all that are below it. */
  readonly relayDomains?: readonly string[];
}

export const RELAYING_DENIED = reply(550, "5.7.1", "Relaying denied", "RFC 5321 §3.6.2");

export class Relaying {
  readonly #networks: Networks;
  readonly #domains: readonly string[];
  /** Nothing was opened: only clients on this host may relay. */
  readonly onlyThisHost: boolean;

  /** Throws RangeError for what is no network. */
  constructor({ allow = [], relayDomains = [] }: RelayingOptions) {
    this.#networks = new Networks(allow);
    this.#domains = relayDomains.map((domain) => domain.toLowerCase());
    this.onlyThisHost = allow.length === 0 && relayDomains.length === 0;
  }

  /**
   * Whether a client may relay to anywhere: also one who has logged in. One on a unix socket has been let in by the file system. Whoever comes
   * through a proxy is not on this host for his address, and in no network where the proxy did not tell it.
   */
  trusts(peer: Peer): boolean {
    return peer.user !== undefined || isOnThisHost(peer) || (peer.proxied !== "unknown" && this.#networks.has(peer.address));
  }

  /**
   * Whether anybody may send there. Not to a local part that is a route of old, "user%elsewhere" or "elsewhere!user": upstream, which
   * trusts us, might follow it. §4.5.1: "Postmaster" alone, once anything is opened.
   */
  isRelayDomain({ localPart, domain }: Path): boolean {
    if (domain === "") return !this.onlyThisHost && isPostmaster(localPart);
    if (/[@%!]/.test(localPart)) return false;
    const name = domain.toLowerCase();
    return this.#domains.some((each) => (each.startsWith(".") ? name.endsWith(each) : name === each));
  }
}
