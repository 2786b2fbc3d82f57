// The mechanisms that there are, and which of them may be used over a connection, by either end (RFC 4954 §4).

import { CRAM_MD5, LOGIN, PLAIN } from "./sasl/passwords.js";
import type { Authenticator, Mechanism } from "./sasl/mechanism.js";
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from "./sasl/scram.js";
import { OAUTHBEARER, XOAUTH2 } from "./sasl/tokens.js";
import type { Eventually } from "./eventually.js";
import type { ChannelBinding } from "./tls.js";

/** In the order of preference. With one of an application's own: `[MINE, ...MECHANISMS]`. */
export const MECHANISMS: readonly Mechanism[] = [SCRAM_SHA_256_PLUS, SCRAM_SHA_256, PLAIN, LOGIN, CRAM_MD5, OAUTHBEARER, XOAUTH2];

/** A function that gives the token is asked each time, since tokens expire. */
export type Credentials = { readonly user: string } & ({ readonly password: string } | { readonly token: string | (() => Eventually<string>) });

/** What is known of the connection. */
export interface Channel {
  /** Nobody listens in. */
  readonly unheard: boolean;
  /** It gives something that a login can be tied to. */
  readonly bindable?: boolean;
}

/** What a client may use: it has what is needed, the server offers it, and nobody else learns the secret. */
export function usable(
  known: readonly Mechanism[], credentials: Credentials, names: readonly string[], { unheard, bindable = false }: Channel,
): readonly Mechanism[] {
  return known.filter(({ name, by, binds, discloses, client }) => {
    return client !== undefined && by in credentials && names.includes(name) && (unheard || !discloses) && (!binds || bindable);
  });
}

/**
 * What a server may offer: the application can check it, and nobody else learns the secret. `inClear` names what may be used where
 * somebody could listen in; all that shows no secret, if not given.
 */
export function offered(
  known: readonly Mechanism[], authenticator: Authenticator, { unheard, bindable = false }: Channel, inClear?: readonly string[],
): readonly Mechanism[] {
  return known.filter(({ name, against, binds, discloses, server }) => {
    const checked = against === undefined || against.some((each) => authenticator[each] !== undefined);
    const mayBeHeard = inClear === undefined ? !discloses : inClear.includes(name);
    return server !== undefined && checked && (unheard || mayBeHeard) && (!binds || bindable);
  });
}

/** The binding, where a mechanism makes use of one: the others tell by it whether they were passed over (RFC 5802 §6). */
export function bindingFor(known: readonly Mechanism[], binding: ChannelBinding | undefined): ChannelBinding | undefined {
  return known.some(({ binds }) => binds) ? binding : undefined;
}
