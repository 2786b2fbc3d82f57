// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to know it again, not enough to log in with it.

import { createHash, createHmac, pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { fromBase64, keyed, octetsOf, toBase64 } from "./octets.js";
import { prepared } from "./prepared.js";

export const SCRAM_ITERATIONS = {
  /** RFC 7677 §4: a server's should be no less; a client that took less would make it cheap to guess its password. */
  least: 4_096,
  /** A client does not work for a server without end: half a second of one processor. */
  most: 1_000_000,
  /** RFC 7677 §4, by its rule of thumb. Secrets of one server had better all have the same: it is told for users who do not exist. */
  usual: 15_000,
} as const;

export const KEY_OCTETS = 32;
const SALT_OCTETS = 16;

export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramSecret extends Omit<ScramKeys, "clientKey"> {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** What to keep of a password, as RFC 5803 §2 writes it. Throws RangeError for one that SCRAM cannot have, or for too many iterations or few. */
export async function scramSecret(password: string, iterations: number = SCRAM_ITERATIONS.usual): Promise<string> {
  const ready = prepared(password);
  if (ready === undefined) throw new RangeError("no password by RFC 4013");
  if (!isCount(iterations)) throw new RangeError(`iterations are from ${SCRAM_ITERATIONS.least} to ${SCRAM_ITERATIONS.most}`);
  const salt = randomBytes(SALT_OCTETS);
  const { storedKey, serverKey } = await scramKeys(ready, salt, iterations);
  return `SCRAM-SHA-256$${iterations}:${toBase64(salt)}$${toBase64(storedKey)}:${toBase64(serverKey)}`;
}

/** Throws TypeError where it is none; without a word of what it is. */
export function parseScramSecret(text: string): ScramSecret {
  const [, count = "", ...rest] = /^SCRAM-SHA-256\$(\d{1,7}):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(text) ?? [];
  const [salt, storedKey, serverKey] = rest.map(fromBase64);
  const whole = salt !== undefined && storedKey?.length === KEY_OCTETS && serverKey?.length === KEY_OCTETS;
  if (!whole || !isCount(Number(count))) throw new TypeError("what is stored is no secret of SCRAM-SHA-256");
  return { salt, iterations: Number(count), storedKey, serverKey };
}

/** A secret that looks like those of scramSecret(), always the same for a user, and fits no password. */
export function decoySecret(user: string): ScramSecret {
  return {
    salt: decoySalt(user),
    iterations: SCRAM_ITERATIONS.usual,
    storedKey: keyed(octetsOf(`stored ${user}`)),
    serverKey: keyed(octetsOf(`server ${user}`)),
  };
}

export function decoySalt(user: string): Uint8Array {
  return keyed(octetsOf(`salt ${user}`)).subarray(0, SALT_OCTETS);
}

const stretched = promisify(pbkdf2);

/** The keys of RFC 5802 §3. The work is not done on the thread that all connections share. */
export async function scramKeys(preparedPassword: string, salt: Uint8Array, iterations: number): Promise<ScramKeys> {
  const saltedPassword = await stretched(preparedPassword, salt, iterations, KEY_OCTETS, "sha256");
  const clientKey = hmac(saltedPassword, "Client Key");
  return { clientKey, storedKey: hash(clientKey), serverKey: hmac(saltedPassword, "Server Key") };
}

export function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}

export function hash(octets: Uint8Array): Uint8Array {
  return createHash("sha256").update(octets).digest();
}

/** Whether that many iterations are neither too few nor too many. */
export function isCount(iterations: number): boolean {
  return Number.isInteger(iterations) && iterations >= SCRAM_ITERATIONS.least && iterations <= SCRAM_ITERATIONS.most;
}
