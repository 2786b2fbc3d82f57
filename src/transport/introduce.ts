// All that comes before the first transaction at a server (RFC 5321 §3.1, §3.2): greeting, hello, TLS (RFC 3207), who we are
// (RFC 4954). It says why it failed, if it did.

import { isHost, LIMITS, type Reply } from "../protocol/index.js";
import { isLoopback, literal } from "./address.js";
import type { Link } from "./link.js";
import { MECHANISMS, type Credentials } from "./mechanisms.js";
import type { StartTls } from "./tls.js";
import { forNow, TROUBLES } from "./trouble.js";

export interface IntroductionOptions {
  /** What we call ourselves in EHLO; where it is no domain, our address does (RFC 5321 §4.1.4). */
  readonly hostname?: string;
  /** LMTP (RFC 2033): LHLO, and a final reply for each recipient. */
  readonly lmtp?: boolean;
  /** Whether to turn to TLS (RFC 3207). Where nothing is said: "if-offered", but "never" on this same host. */
  readonly starttls?: StartTls;
  /** Who we are. A password or token goes over TLS, or stays on this host, or is not shown at all. */
  readonly auth?: Credentials;
}

export async function introduce(link: Link, options: IntroductionOptions): Promise<Reply | undefined> {
  const refusal = refused(await link.greeting) ?? (await hello(link, options)) ?? (await startTls(link, options));
  return refusal ?? (options.auth && (await authenticate(link, options.auth)));
}

/** §3.2: a server that does not know EHLO is asked with HELO; not so where something is needed that only EHLO offers. */
async function hello(link: Link, { hostname = "", lmtp, starttls, auth }: IntroductionOptions): Promise<Reply | undefined> {
  const domain = isHost(hostname) ? hostname : literal(link.localAddress) ?? "localhost";
  const given = await link.ask({ type: lmtp === true ? "LHLO" : "EHLO", domain });
  const needsEhlo = lmtp === true || starttls === "required" || auth !== undefined || link.secure;
  if (given.code < 500 || needsEhlo || link.lost !== undefined) return refused(given);
  return refused(await link.ask({ type: "HELO", domain }));
}

async function startTls(link: Link, options: IntroductionOptions): Promise<Reply | undefined> {
  const { starttls = isLoopback(link.target.address) ? "never" : "if-offered" } = options;
  if (link.secure || starttls === "never") return undefined;
  if (link.offers?.has("STARTTLS") !== true) return starttls === "required" ? TROUBLES.tlsNotOffered : undefined;
  const given = await link.startTls();
  if (given.code < 300) return hello(link, options);
  return starttls === "required" || link.lost !== undefined ? refused(given) : undefined; // RFC 3207 §4: it may go on without
}

/** A mechanism with more challenges than this is none that we know. */
const MAX_CHALLENGES = 4;
const CANCEL = "*";

/** What goes wrong is told without a word of the credentials, even where the server quotes them. */
async function authenticate(link: Link, credentials: Credentials): Promise<Reply | undefined> {
  const offered = (link.offers?.get("AUTH") ?? "").toUpperCase().split(" ");
  const unheard = link.secure || isLoopback(link.target.address);
  const [name, mechanism] = Object.entries(MECHANISMS).find(([each, { by, discloses }]) => by in credentials && offered.includes(each) && (unheard || !discloses)) ?? [];
  if (name === undefined || mechanism === undefined) return TROUBLES.noMechanism;
  const secret = await secretOf(credentials);
  if (secret === undefined) return TROUBLES.noSecret;

  const proof = { user: credentials.user, secret };
  const initial = mechanism.initial && base64(mechanism.initial(proof));
  const atOnce = initial !== undefined && `AUTH ${name} ${initial}\r\n`.length <= LIMITS.commandLineOctets; // RFC 4954 §4: else it answers an empty challenge
  let given = await link.ask({ type: "AUTH", mechanism: name, ...(atOnce && { initial }) });
  for (let nth = 0; given.code === 334 && nth <= MAX_CHALLENGES; nth++) {
    const challenge = nth < MAX_CHALLENGES ? decoded(given.lines.join("")) : undefined;
    given = await link.ask({ type: "response", text: challenge === undefined ? CANCEL : base64(mechanism.answer(challenge, nth, proof)) });
  }
  return given.code < 300 ? undefined : TROUBLES.noLogin;
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

/** Octets as text; undefined where it is no base64, which has to be cancelled (RFC 4954 §4). */
function decoded(challenge: string): string | undefined {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(challenge);
  return isBase64 ? Buffer.from(challenge, "base64").toString("latin1") : undefined;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function refused(given: Reply): Reply | undefined {
  return given.code < 300 ? undefined : given.code < 500 ? given : forNow(given);
}
