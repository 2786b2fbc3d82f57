// What a SASL mechanism is (RFC 4422): both ends of it, each a conversation without I/O, written as a generator. What it yields is
// said; what the other end says is what `yield` gives.

import type { Eventually } from "../eventually.js";
import type { ChannelBinding } from "../tls.js";

/**
 * What the client says; undefined, and only at first, where the server begins (RFC 4422 §5). It hears a challenge, or undefined: the
 * server says that it is done. It returns whether that may be believed; to return after a challenge is to give up.
 */
export type ClientPart = AsyncGenerator<Uint8Array | undefined, boolean, Uint8Array | undefined>;

/** What the server asks. It hears responses, and returns who the client is, or why it is nobody. */
export type ServerPart = AsyncGenerator<Uint8Array, Identity | Failure, Uint8Array>;

/** An application's own is a constant like these. */
export interface Mechanism {
  /** As on the EHLO line. */
  readonly name: string;
  /** What a client has to have. */
  readonly by: "password" | "token";
  /** Whether one who listens in learns it. */
  readonly discloses: boolean;
  /** It is of use only over a channel that has a binding. */
  readonly binds?: true;
  /** What a server has to have: one of these. Without it nothing. */
  readonly against?: readonly (keyof Authenticator)[];
  client?(proof: Proof, binding?: ChannelBinding): ClientPart;
  /** `initial`: what AUTH said at once. */
  server?(serving: Serving, initial?: Uint8Array): ServerPart;
}

/** What a client proves. */
export interface Proof {
  readonly user: string;
  /** The password, or the token. */
  readonly secret: string;
}

/** What a server checks it with. */
export interface Serving {
  readonly authenticator: Authenticator;
  /** Where both ends could bind to the channel, and a mechanism that does so is offered. */
  readonly binding?: ChannelBinding | undefined;
  readonly hostname: string;
}

/**
 * Who the users are: an application's. It has those of these that it can have, and what is offered follows from them. Names have been
 * prepared (RFC 4013): they hold no control characters. What throws or rejects is no refusal: the client hears that it may try again.
 */
export interface Authenticator {
  /** Whether it is the password. PLAIN, LOGIN. */
  verify?(user: string, password: string): Eventually<boolean>;
  /** What scramSecret() made of it; undefined for a user who is not known. SCRAM-SHA-256, PLAIN, LOGIN. */
  scram?(user: string): Eventually<string | undefined>;
  /** The password itself; undefined for a user who is not known. CRAM-MD5, SCRAM-SHA-256, PLAIN, LOGIN. */
  password?(user: string): Eventually<string | undefined>;
  /**
   * Whether it is a token of this user's; or whose it is. The user is "" where a client of OAUTHBEARER does not say. `said`: the host
   * and port that it believes to talk to (RFC 7628 §3.2: where they are known here, they have to be right). OAUTHBEARER, XOAUTH2.
   */
  token?(user: string, token: string, said: TokenTarget): Eventually<boolean | string>;
  /** Told to a client whose token is refused (RFC 7628 §3.2.2). */
  readonly tokenHelp?: { readonly scope?: string; readonly "openid-configuration"?: string };
  /** Whether this user, who is one, may act as another. Nobody may, if not given. */
  mayActAs?(user: string, other: string): Eventually<boolean>;
}

export interface TokenTarget {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
}

/** RFC 4422 §2: whose secret it was, and whom it speaks for; mostly the same. */
export interface Identity {
  readonly authenticationId: string;
  readonly authorizationId: string;
}

/** Wrong for any reason that depends on who the users are; no message of this mechanism; an initial response where there is none. */
export type Failure = "credentials" | "malformed" | "unasked";
