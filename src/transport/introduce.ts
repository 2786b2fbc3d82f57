// All that comes before the first transaction at a server (RFC 5321 §3.1, §3.2): greeting, hello, TLS (RFC 3207), who we are
// (RFC 4954). It says why it failed, if it did.

import { isHost, type Reply } from "../protocol/index.js";
import { isLoopback, literal } from "./address.js";
import { authenticate } from "./authenticate.js";
import type { Link } from "./link.js";
import type { Credentials } from "./mechanisms.js";
import type { Mechanism } from "./sasl/mechanism.js";
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
  /** How that may be proved, in the order of preference; MECHANISMS if not given. */
  readonly mechanisms?: readonly Mechanism[];
}

export async function introduce(link: Link, options: IntroductionOptions): Promise<Reply | undefined> {
  const refusal = refused(await link.greeting) ?? (await hello(link, options)) ?? (await startTls(link, options));
  return refusal ?? (options.auth && (await authenticate(link, options.auth, options.mechanisms)));
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

function refused(given: Reply): Reply | undefined {
  return given.code < 300 ? undefined : given.code < 500 ? given : forNow(given);
}
