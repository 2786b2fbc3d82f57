// AUTH at the sending end (RFC 4954 §4): which mechanism, and the exchange.

import type { Reply } from "../protocol/index.js";
import { trouble, type Link } from "./link.js";
import { PASSWORD_MECHANISMS, TOKEN_MECHANISMS, type Credentials } from "./mechanisms.js";

/** A mechanism with more challenges than this is none that we know. */
const MAX_CHALLENGES = 4;

const NO_MECHANISM = trouble("4.7.0", "Upstream: no mechanism of AUTH that may be used here");
const NO_SECRET = trouble("4.7.0", "Upstream: there is no password or token");
const NOT_TAKEN = trouble("4.7.8", "Upstream: our credentials were not taken");

/** Says who we are. `unheard`: nobody listens in. A reply says why it failed; what the credentials are stands in none. */
export async function authenticate(link: Link, { user, password, token }: Credentials, unheard: boolean): Promise<Reply | undefined> {
  const offered = (link.offers?.get("AUTH") ?? "").toUpperCase().split(" ");
  const known = Object.entries(token === undefined ? PASSWORD_MECHANISMS : TOKEN_MECHANISMS);
  const [name, mechanism] = known.find(([each, { discloses }]) => offered.includes(each) && (unheard || !discloses)) ?? [];
  if (name === undefined || mechanism === undefined) return NO_MECHANISM;

  const secret = await secretOf({ password, token });
  if (secret === undefined) return NO_SECRET;
  const initial = mechanism.initial?.(user, secret);
  let given = await link.ask({ type: "AUTH", mechanism: name, ...(initial !== undefined && { initial: base64(initial) || "=" }) });
  for (let nth = 0; given.code === 334 && nth < MAX_CHALLENGES; nth++) {
    const challenge = Buffer.from(given.lines.join(""), "base64").toString("latin1");
    given = await link.ask({ type: "response", text: base64(mechanism.answer(challenge, nth, user, secret)) });
  }
  return given.code < 300 ? undefined : link.lost ?? NOT_TAKEN;
}

/** Undefined where the one who has it does not give it. */
async function secretOf({ password, token }: Pick<Credentials, "password" | "token">): Promise<string | undefined> {
  try {
    return typeof token === "function" ? await token() : token ?? password;
  } catch {
    return undefined;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
