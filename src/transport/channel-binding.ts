// What ties a login to the TLS connection it is made over, so that nobody in between can pass it on (RFC 5056, RFC 5802 §6).

import { TLSSocket } from "node:tls";
import type { ChannelBinding } from "./tls.js";

/** RFC 9266 §2, §4.2: the default for TLS 1.3. */
const TYPE = "tls-exporter";
const LABEL = "EXPORTER-Channel-Binding";
const OCTETS = 32;

/**
 * Of a socket; undefined where it is not TLS 1.3. Below it the type would be tls-unique, or this one with the extended master secret (RFC 7627): Node does
 * not tell whether there was one, and without it neither is safe (RFC 7677 §4).
 */
export function channelBinding(socket: object): ChannelBinding | undefined {
  const bound = socket instanceof TLSSocket && !socket.destroyed && socket.getProtocol() === "TLSv1.3";
  return bound ? { type: TYPE, octets: socket.exportKeyingMaterial(OCTETS, LABEL, NO_CONTEXT) } : undefined;
}

const NO_CONTEXT = Buffer.alloc(0);
