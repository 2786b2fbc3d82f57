// Networks as an operator names them: of clients that may relay, of proxies that may say who their clients are.

import { BlockList, isIP } from "node:net";
import { canonical } from "./address.js";

export class Networks {
  readonly #list = new BlockList();

  /** "192.0.2.0/24", "2001:db8::/32", "192.0.2.7". Throws RangeError for what is no network. */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** Whether an address is of one of them; what is no IP address, as on a unix socket, is of none. */
  has(address: string): boolean {
    const ip = canonical(address);
    return isIP(ip) !== 0 && this.#list.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4");
  }

  /** An address and, behind a slash, how many of its bits count; or an address alone. */
  #add(network: string): void {
    const [address = "", bits, ...rest] = network.split("/");
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
    if (version === 0 || prefix > most || rest.length > 0) throw new RangeError(`"${network}" is no network`);
    this.#list.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
  }
}
