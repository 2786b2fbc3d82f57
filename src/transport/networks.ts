// Networks as people write them, and who belongs to one.

import { BlockList, isIP } from "node:net";

export class Networks {
  readonly #list = new BlockList();

  /** "192.0.2.0/24", "2001:db8::/32", "192.0.2.7". Throws RangeError for what is no network. */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** Never one whose address is none, as on a unix socket, or is not known. */
  has(address: string): boolean {
    const version = isIP(address);
    return version !== 0 && this.#list.check(address, version === 6 ? "ipv6" : "ipv4");
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
