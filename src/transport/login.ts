// AUTH as a server hears it (RFC 4954 §4): base64 to a mechanism's octets and back, and what comes of it as a reply. That it is base64,
// not too long, and no "*", the engine has seen to.

import { reply, type Reply } from "../protocol/index.js";
import type { Failure, Identity, Mechanism, ServerPart, Serving } from "./sasl/mechanism.js";
import { toBase64 } from "./sasl/octets.js";

export const AUTH_LIMITS = {
  /** A mechanism with more is none that we know. */
  challenges: 10,
} as const;

export const AUTH_REPLIES = {
  done: reply(235, "2.7.0", "Authentication succeeded", "RFC 4954 §4"),
  credentials: reply(535, "5.7.8", "Authentication credentials invalid", "RFC 4954 §6"),
  malformed: reply(501, "5.5.2", "That is no message of this mechanism", "RFC 4954 §4"),
  unasked: reply(501, "5.7.0", "With this mechanism the server begins", "RFC 4954 §4"),
  unavailable: reply(454, "4.7.0", "Temporary authentication failure", "RFC 4954 §6"),
} as const satisfies { readonly [name in Failure]: Reply } & { readonly [name: string]: Reply };

const FAILURES: readonly string[] = ["credentials", "malformed", "unasked"] satisfies readonly Failure[];

/** 334: what follows goes to next(). Anything else: it is over; with an identity it went well. */
export interface LoginStep {
  readonly reply: Reply;
  readonly identity?: Identity;
  /** What the application's authenticator threw: for the operator, and nobody else. */
  readonly error?: unknown;
}

/** One AUTH command, from its first word to its outcome. */
export class Login {
  readonly #mechanism: Mechanism;
  readonly #serving: Serving;
  #part: ServerPart | undefined;
  #challenges = 0;

  constructor(mechanism: Mechanism, serving: Serving) {
    this.#mechanism = mechanism;
    this.#serving = serving;
  }

  /** `initial` as AUTH has it: "=" where it is empty. */
  begin(initial?: string): Promise<LoginStep> {
    return this.#follow(() => (this.#part = this.#mechanism.server!(this.#serving, initial === undefined ? undefined : decoded(initial))).next());
  }

  /** The answer to a challenge, as `response` has it. Throws where none was asked for. */
  next(text: string): Promise<LoginStep> {
    const part = this.#part;
    if (part === undefined) throw new Error("next() without a challenge");
    return this.#follow(() => part.next(decoded(text)));
  }

  async #follow(advance: () => ReturnType<ServerPart["next"]>): Promise<LoginStep> {
    try {
      const { done, value } = await advance();
      if (done === true) return await this.#end(...outcomeOf(value));
      if (++this.#challenges > AUTH_LIMITS.challenges) return await this.#end(AUTH_REPLIES.malformed);
      return { reply: reply(334, "", toBase64(value), "RFC 4954 §4") };
    } catch (error) {
      return this.#end(AUTH_REPLIES.unavailable, { error });
    }
  }

  async #end(given: Reply, more: Omit<LoginStep, "reply"> = {}): Promise<LoginStep> {
    this.#part = undefined;
    return { reply: given, ...more };
  }
}

/** What is neither an identity nor a failure, as from a mechanism that ends without a word, is no success. */
function outcomeOf(outcome: Identity | Failure): [Reply, Omit<LoginStep, "reply">] {
  if (typeof outcome === "string" && FAILURES.includes(outcome)) return [AUTH_REPLIES[outcome], {}];
  const { authenticationId, authorizationId } = outcome as Identity;
  if (!authenticationId || !authorizationId) throw new TypeError("the mechanism does not say who it is");
  return [AUTH_REPLIES.done, { identity: { authenticationId, authorizationId } }];
}

/** Of "=" nothing is left. */
function decoded(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}
