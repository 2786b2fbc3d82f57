// AUTH as a client says it (RFC 4954 §4): a mechanism's octets as base64, the first of them with the command where they fit. What goes
// wrong is told without a word of the credentials, even where the server quotes them.

import { LIMITS, type Reply } from "../protocol/index.js";
import { isLoopback } from "./address.js";
import type { Link } from "./link.js";
import { bindingFor, MECHANISMS, usable, type Credentials } from "./mechanisms.js";
import type { ClientPart, Mechanism } from "./sasl/mechanism.js";
import { fromBase64, toBase64 } from "./sasl/octets.js";
import { TROUBLES } from "./trouble.js";

/** A mechanism with more challenges than this is none that we know. */
const MAX_CHALLENGES = 4;
const CANCEL = "*";
/** Nothing, where nothing cannot be written. */
const EMPTY = "=";

/** Undefined where it went well. */
export async function authenticate(link: Link, credentials: Credentials, known: readonly Mechanism[] = MECHANISMS): Promise<Reply | undefined> {
  const names = (link.offers?.get("AUTH") ?? "").toUpperCase().split(" ");
  const binding = bindingFor(known, link.binding);
  const mechanisms = usable(known, credentials, names, { unheard: link.secure || isLoopback(link.target.address), bindable: binding !== undefined });
  if (mechanisms.length === 0) return TROUBLES.noMechanism;
  const secret = await secretOf(credentials);
  if (secret === undefined) return TROUBLES.noSecret;
  for (const { name, client } of mechanisms) {
    const part = client!({ user: credentials.user, secret }, binding);
    const first = await part.next();
    if (first.done !== true) return (await converse(link, name, part, first.value)) ? undefined : TROUBLES.noLogin;
  }
  return TROUBLES.noMechanism; // none can say this name, or this secret
}

/** Whether the server believes us, and we it. */
async function converse(link: Link, mechanism: string, part: ClientPart, first: Uint8Array | undefined): Promise<boolean> {
  const initial = first === undefined ? undefined : first.length === 0 ? EMPTY : toBase64(first);
  const atOnce = initial !== undefined && `AUTH ${mechanism} ${initial}\r\n`.length <= LIMITS.commandLineOctets;
  let waiting = atOnce ? undefined : first; // what does not fit answers an empty challenge
  let given = await link.ask({ type: "AUTH", mechanism, ...(atOnce && { initial }) });
  for (let count = 0; given.code === 334; count++) {
    const challenge = fromBase64(given.lines.join(""));
    const answer = challenge === undefined || count === MAX_CHALLENGES ? undefined : waiting ?? (await next(part, challenge));
    waiting = undefined;
    given = await link.ask({ type: "response", text: answer === undefined ? CANCEL : toBase64(answer) });
    if (answer === undefined) return false; // whatever is said to that
  }
  if (given.code >= 300) return false;
  const outcome = await part.next(undefined);
  return outcome.done === true && outcome.value === true;
}

/** Undefined where it gives up. */
async function next(part: ClientPart, challenge: Uint8Array): Promise<Uint8Array | undefined> {
  const { done, value } = await part.next(challenge);
  return done === true ? undefined : value;
}

/** Undefined where the one who has it does not give it. */
async function secretOf(credentials: Credentials): Promise<string | undefined> {
  if ("password" in credentials) return credentials.password;
  try {
    return typeof credentials.token === "function" ? await credentials.token() : credentials.token;
  } catch {
    return undefined;
  }
}
