// How a client proves who it is (RFC 4954): each mechanism is what it says first, and what it answers to each challenge.

import { createHmac } from "node:crypto";
import type { Eventually } from "./strategy.js";

/** A token is for XOAUTH2; a function that gives it is asked each time, since tokens expire. */
export type Credentials = { readonly user: string } & ({ readonly password: string } | { readonly token: string | (() => Eventually<string>) });

/** What is proved: `secret` is the password, or the token. */
export interface Proof {
  readonly user: string;
  readonly secret: string;
}

export interface Mechanism {
  readonly by: "password" | "token";
  /** Whether one who listens in learns the secret. */
  readonly discloses: boolean;
  /** What AUTH says at once; without it the server begins. */
  initial?(proof: Proof): string;
  /** The answer to the nth challenge, counted from 0. */
  answer(challenge: string, nth: number, proof: Proof): string;
}

/** In the order of preference. */
export const MECHANISMS: { readonly [name: string]: Mechanism } = {
  // RFC 4616
  PLAIN: { by: "password", discloses: true, initial: plain, answer: (_challenge, _nth, proof) => plain(proof) },
  // No RFC: two challenges, for the user and for the password, in words that nobody reads.
  LOGIN: { by: "password", discloses: true, answer: (_challenge, nth, { user, secret }) => (nth === 0 ? user : secret) },
  // RFC 2195 §2
  "CRAM-MD5": {
    by: "password",
    discloses: false,
    answer: (challenge, _nth, { user, secret }) => `${user} ${createHmac("md5", secret).update(challenge, "latin1").digest("hex")}`,
  },
  // No RFC. A challenge that is not empty tells what is wrong, as JSON; the answer is empty, and then comes the refusal.
  XOAUTH2: { by: "token", discloses: true, initial: bearer, answer: (challenge, _nth, proof) => (challenge === "" ? bearer(proof) : "") },
};

function plain({ user, secret }: Proof): string {
  return `\0${user}\0${secret}`;
}

function bearer({ user, secret }: Proof): string {
  return `user=${user}\x01auth=Bearer ${secret}\x01\x01`;
}
