// Addresses of the transport: how they are written, and which are this host's own.

import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** [host, port], port 0 for any that is free; or the path of a unix socket. */
export type Address = readonly [host: string, port: number] | string;

/** As people write it: "192.0.2.1:25", "[2001:db8::1]:25", a path. */
export function written(address: Address): string {
  if (typeof address === "string") return address;
  const [host, port] = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An IPv4 address as such, where the kernel shows it within IPv6. */
export function unmapped(ip: string): string {
  return ip.startsWith("::ffff:") && ip.includes(".") ? ip.slice("::ffff:".length) : ip;
}

/** address-literal (RFC 5321 §4.1.3); undefined where there is no IP address, as on a unix socket. */
export function literal(address: string): string | undefined {
  const [ip = ""] = address.split("%"); // the zone is this host's own affair
  const version = isIP(ip);
  return version === 0 ? undefined : version === 6 ? `[IPv6:${ip}]` : `[${ip}]`;
}

/** Whether nobody but this host can be at the other end. */
export function isLoopback(address: Address): boolean {
  return typeof address === "string" || address[0].startsWith("127.") || address[0] === "::1";
}

/** Whether it is this host, by any of its addresses; who connects to 0.0.0.0 is connected to it, too. */
export function isThisHost(address: Address): boolean {
  if (isLoopback(address) || isEverywhere(address)) return true;
  return Object.values(networkInterfaces()).some((each) => each?.some(({ address: ip }) => ip === address[0]));
}

/** Whether somebody who connects there reaches one who listens here. */
export function reaches(address: Address, listening: Address): boolean {
  if (typeof address === "string" || typeof listening === "string") return address === listening;
  return address[1] === listening[1] && (address[0] === listening[0] || (isEverywhere(listening) && isThisHost(address)));
}

/** "All addresses of this host", to one who listens. */
function isEverywhere(address: Address): boolean {
  return address[0] === "0.0.0.0" || address[0] === "::";
}
