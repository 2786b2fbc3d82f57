// The PROXY protocol on a connection: a proxy that announces its client to us, and a client that we announce to the next hop. A listener
// without proxies starts without this file.

import { isIP, type Socket } from "node:net";
import { formatProxyHeader, ProxyReader, type ProxyAddresses } from "./proxy-protocol.js";
import type { Peer } from "./strategy.js";

/**
 * Reads the header, from a socket that is paused. Either `announced` is called, and the socket is paused again, with what stands behind the
 * header still in it; or `refused` with a reason, and it is to be closed; or it closes.
 */
export function readAnnouncement(socket: Socket, proxy: Peer, announced: (client: Peer) => void, refused: (why: string) => void): void {
  const reader = new ProxyReader();
  const receive = (octets: Buffer): void => {
    const step = reader.receive(octets);
    if (step.type === "malformed") refused("malformed header");
    if (step.type !== "header") return;
    socket.off("data", receive).off("end", end).pause();
    socket.unshift(octets.subarray(step.consumed));
    announced(clientOf(proxy, step));
  };
  const end = (): void => refused("no whole header");
  socket.on("data", receive).on("end", end).resume();
}

/** What a next hop is told of a client: nothing but that the connection is our own, where there is none, or none with an IP address. */
export function announcementOf(version: 1 | 2, client?: Peer): Uint8Array {
  if (client === undefined || client.proxied === "unknown" || isIP(client.address) === 0 || isIP(client.localAddress) === 0) return formatProxyHeader(version);
  return formatProxyHeader(version, { source: [client.address, client.port], destination: [client.localAddress, client.localPort] });
}

/** A client on a unix socket has no address that says anything here: it is as unknown as one that was not told of. */
function clientOf(proxy: Peer, { source, destination }: ProxyAddresses): Peer {
  if (typeof source !== "object" || typeof destination !== "object") return { ...proxy, proxied: "unknown" };
  return { address: source[0], port: source[1], localAddress: destination[0], localPort: destination[1], proxied: "client" };
}
