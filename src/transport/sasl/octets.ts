// Octets of a SASL exchange: to text and back, to base64 and back, and whether two are the same.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { utf8Of } from "../../protocol/index.js";

export const NOTHING: Uint8Array = new Uint8Array(0);

/** What nobody outside this process knows, and nobody inside it keeps. */
const KEY = randomBytes(32);

export function octetsOf(text: string): Uint8Array {
  return Buffer.from(text);
}

/** Undefined where they are no UTF-8. */
export const textOf: (octets: Uint8Array) => string | undefined = utf8Of;

export function toBase64(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("base64");
}

/** Undefined where it is not exactly what an encoder writes (RFC 4648 §3.3, §3.5): no white space, no line ends, no bits left over. */
export function fromBase64(text: string): Uint8Array | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}

/** In a time that tells nothing of where they differ, nor of how long they are. */
export function same(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(keyed(one), keyed(other));
}

/** 32 octets that are always the same for a text, in this process, and cannot be foretold. */
export function keyed(octets: Uint8Array): Uint8Array {
  return createHmac("sha256", KEY).update(octets).digest();
}
