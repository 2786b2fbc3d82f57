// Addresses of the transport: how they are written, and which are this host's own.

import { isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** [host, port], port 0 for any that is free; or the path of a unix socket. */
export type Address = readonly [host: string, port: number] | string;

export const SMTP_PORT = 25;

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
  if (typeof address === "string") return true;
  const ip = canonical(address[0]);
  return ip.startsWith("127.") || ip === "::1";
}

/** Whether somebody who connects there reaches one who listens here. */
export function reaches(address: Address, listening: Address): boolean {
  if (typeof address === "string" || typeof listening === "string") return address === listening;
  const [to, at] = [canonical(address[0]), canonical(listening[0])];
  if (address[1] !== listening[1]) return false;
  return to === at || (isUnspecified(to) && isLoopback(listening)) || (isUnspecified(at) && isThisHost(address, to));
}

function isThisHost(address: Address, ip: string): boolean {
  return isLoopback(address) || isUnspecified(ip) || Object.values(networkInterfaces()).some((each) => each?.some((own) => own.address === ip));
}

/** All addresses of this host, to one who listens; its loopback, to one who connects. */
function isUnspecified(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

/** An IP address in its shortest form, without a zone; an IPv4 address within IPv6 as IPv4. */
export function canonical(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  const short = new URL(`http://[${ip.split("%", 1)[0]}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  return [high, low].flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff]).join(".");
}
