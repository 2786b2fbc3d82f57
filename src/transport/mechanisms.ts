// How a client proves who it is (RFC 4954): each mechanism is what it says first, and what it answers to each challenge.

import { createHmac } from "node:crypto";
import type { Eventually } from "./strategy.js";

export interface Credentials {
  readonly user: string;
  /** Or a token, for XOAUTH2: asked for anew each time, since it expires. */
  readonly password?: string | undefined;
  readonly token?: string | (() => Eventually<string>) | undefined;
}

/** What is said of the credentials, in octets as text: `secret` is the password, or the token. */
export interface Mechanism {
  /** Whether who overhears it knows the secret. */
  readonly discloses: boolean;
  /** What AUTH says at once; without it the server begins. */
  initial?(user: string, secret: string): string;
  /** The answer to the challenge that is the nth, from 0. */
  answer(challenge: string, nth: number, user: string, secret: string): string;
}

/** By password, in the order of preference. */
export const PASSWORD_MECHANISMS: { readonly [name: string]: Mechanism } = {
  // RFC 4616
  PLAIN: { discloses: true, initial: plain, answer: (_, __, user, password) => plain(user, password) },
  // No RFC: two challenges, for the user and for the password, in words that nobody reads.
  LOGIN: { discloses: true, answer: (_, nth, user, password) => (nth === 0 ? user : password) },
  // RFC 2195 §2
  "CRAM-MD5": { discloses: false, answer: (challenge, _, user, password) => `${user} ${createHmac("md5", password).update(challenge, "latin1").digest("hex")}` },
};

/** By token. */
export const TOKEN_MECHANISMS: { readonly [name: string]: Mechanism } = {
  // A challenge tells what is wrong, as JSON; the answer is empty, and then comes the refusal.
  XOAUTH2: { discloses: true, initial: (user, token) => `user=${user}\x01auth=Bearer ${token}\x01\x01`, answer: () => "" },
};

function plain(user: string, password: string): string {
  return `\0${user}\0${password}`;
}
