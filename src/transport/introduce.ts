// All that comes before the first transaction at a server (RFC 5321 §3.1, §3.2): greeting, hello, TLS (RFC 3207), who we are
// (RFC 4954). It says why it failed, if it did.

import { reply, type Reply } from "../protocol/index.js";
import { trouble, type Link } from "./link.js";
import { PASSWORD_MECHANISMS, TOKEN_MECHANISMS, type Credentials } from "./mechanisms.js";
import { isLoopback, type Target } from "./next-hop.js";

export const START_TLS = ["if-offered", "required", "never"] as const;

export interface Introduction {
  /** What we call ourselves in EHLO. */
  readonly hostname?: string;
  /** LMTP (RFC 2033): LHLO, and a final reply for each recipient. */
  readonly lmtp?: boolean;
  /** Whether to turn to TLS (RFC 3207). Where nothing is said: "if-offered", but "never" to this same host. */
  readonly starttls?: (typeof START_TLS)[number];
  /** Who we are. A password or token goes over TLS or stays on this host, or is not shown at all. */
  readonly auth?: Credentials;
}

/** Greeting, hello, TLS, hello again, who we are: all that comes before the first transaction. A reply says why it failed. */
export async function introduce(link: Link, options: Introduction): Promise<Reply | undefined> {
  const refusal = refused(await link.greeting) ?? (await hello(link, options)) ?? (await startTls(link, options));
  return refusal ?? (options.auth && (await authenticate(link, options.auth, link.secure || isHere(link.target))));
}

/** §3.2: a server that does not know EHLO is asked with HELO; not so where something is needed that only EHLO offers. */
async function hello(link: Link, { hostname: domain = "localhost", lmtp, starttls, auth }: Introduction): Promise<Reply | undefined> {
  const given = await link.ask({ type: lmtp === true ? "LHLO" : "EHLO", domain });
  const mayFallBack = given.code >= 500 && lmtp !== true && starttls !== "required" && auth === undefined && !link.secure && link.lost === undefined;
  return refused(mayFallBack ? await link.ask({ type: "HELO", domain }) : given);
}

async function startTls(link: Link, options: Introduction): Promise<Reply | undefined> {
  const { starttls = isHere(link.target) ? "never" : "if-offered" } = options;
  if (link.secure || starttls === "never") return undefined;
  if (link.offers?.has("STARTTLS") !== true) return starttls === "required" ? NO_TLS : undefined;
  const given = await link.startTls();
  if (given.code < 300) return hello(link, options);
  return starttls === "required" || link.lost !== undefined ? refused(given) : undefined; // RFC 3207 §4.1: it may go on without
}

const NO_TLS = trouble("4.7.4", "Upstream: TLS is required, and not offered");

/** Before a transaction, a refusal says nothing of the mail: it may well be taken later, or by another host. */
function refused(given: Reply): Reply | undefined {
  if (given.code < 300) return undefined;
  return given.code < 500 ? given : reply(451, given.enhanced.replace("5", "4"), [`Upstream: ${given.code} ${given.lines[0]}`, ...given.lines.slice(1)], given.clause);
}

/** The same host: what goes there passes nobody. */
function isHere({ address }: Target): boolean {
  return typeof address === "string" || isLoopback(address[0]);
}

/** A mechanism with more challenges than this is none that we know. */
const MAX_CHALLENGES = 4;

const NO_MECHANISM = trouble("4.7.0", "Upstream: no mechanism of AUTH that may be used here");
const NO_SECRET = trouble("4.7.0", "Upstream: there is no password or token");
const NOT_TAKEN = trouble("4.7.8", "Upstream: our credentials were not taken");

/** Says who we are. `unheard`: nobody listens in. A reply says why it failed; what the credentials are stands in none. */
async function authenticate(link: Link, { user, password, token }: Credentials, unheard: boolean): Promise<Reply | undefined> {
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
