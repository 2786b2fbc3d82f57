// Names and passwords: what they are compared as, and the questions to the application.

import { randomUUID } from "node:crypto";
import type { Authenticator, Failure, Identity } from "./mechanism.js";
import { octetsOf, same, textOf } from "./octets.js";
import { decoySecret, parseScramSecret, scramKeys } from "./scram-secret.js";
import { prepared } from "./prepared.js";

/** A name as it was sent, prepared; undefined where it is none. */
export function nameOf(octets: Uint8Array): string | undefined {
  const text = textOf(octets);
  return text === undefined ? undefined : prepared(text);
}

/** Of a user who has been proved to be one. `other`: whom the client wishes to act as; empty: as itself. */
export async function identified(authenticator: Authenticator, user: string, other: string): Promise<Identity | Failure> {
  const may = other === "" || other === user || (await authenticator.mayActAs?.(user, other)) === true;
  return may ? { authenticationId: user, authorizationId: other === "" ? user : other } : "credentials";
}

/** What is compared with the password of a user who is not known, so that this takes no less time. */
const DECOY = randomUUID();

/** Whether a password that was sent is the right one. True is the only yes. */
export async function isPassword(authenticator: Authenticator, user: string, password: string): Promise<boolean> {
  if (authenticator.verify !== undefined) return (await authenticator.verify(user, password)) === true;
  if (authenticator.scram !== undefined) return isScramPassword(await authenticator.scram(user), user, password);
  const known = await authenticator.password?.(user);
  return same(comparable(password), comparable(known ?? DECOY)) && known !== undefined;
}

async function isScramPassword(known: string | undefined, user: string, password: string): Promise<boolean> {
  const { salt, iterations, storedKey } = known === undefined ? decoySecret(user) : parseScramSecret(known);
  const keys = await scramKeys(prepared(password) ?? DECOY, salt, iterations);
  return same(keys.storedKey, storedKey) && known !== undefined;
}

/** RFC 4616 §2: both prepared; one that cannot be is taken as it is. */
function comparable(password: string): Uint8Array {
  return octetsOf(prepared(password) ?? password);
}
