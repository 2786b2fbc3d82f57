// AUTH at a server (RFC 4954): what is offered, who is asked, and how often one may fail.

import { setTimeout as sleep } from "node:timers/promises";
import { auth, reply, type Mechanisms, type Reply } from "../protocol/index.js";
import { Login, type LoginStep } from "./login.js";
import { bindingFor, MECHANISMS, offered } from "./mechanisms.js";
import type { Authenticator, Mechanism } from "./sasl/mechanism.js";
import type { Authentication, Session } from "./strategy.js";

export interface AuthenticationOptions {
  /** In the order in which they are offered; all that there are, if not given. */
  readonly mechanisms?: readonly Mechanism[];
  /** The names of those that may be used before TLS. None, if not given. */
  readonly inClear?: readonly string[];
  /** Before a refusal is told, times how many there were; in milliseconds, 1,000 if not given. */
  readonly slowMs?: number;
}

/** A client that has failed so often is hung up on. */
const MAX_FAILURES = 3;
const SLOW_MS = 1_000;
const TOO_MANY = reply(421, "4.7.0", "Too many failed logins", "RFC 4954 §4");
const REFUSED = 535;

/** For the option `authentication` of a server: clients may log in, if the authenticator says so. */
export function authentication(authenticator: Authenticator, options: AuthenticationOptions = {}): Authentication {
  const { mechanisms = MECHANISMS, inClear = [], slowMs = SLOW_MS } = options;
  const exchange: Authentication["exchange"] = (hostname, binding, authenticated, failed) => {
    let login: Login | undefined;
    let failures = 0;
    const told = async ({ reply: given, identity, error }: LoginStep): Promise<Reply> => {
      if (error !== undefined) failed(error);
      if (identity !== undefined) authenticated(identity);
      if (given.code !== REFUSED) return given;
      await sleep(slowMs * ++failures, undefined, { ref: false });
      return failures < MAX_FAILURES ? given : TOO_MANY;
    };
    return {
      AUTH: async ({ mechanism, initial }) => {
        login = new Login(mechanisms.find(({ name }) => name === mechanism)!, { authenticator, binding: bindingFor(mechanisms, binding()), hostname });
        return told(await login.begin(initial));
      },
      response: async ({ text }) => told(await login!.next(text)),
    } satisfies Session;
  };
  const names = ({ secure, bindable }: Parameters<Mechanisms>[0]): string[] =>
    offered(mechanisms, authenticator, { unheard: secure, bindable }, inClear).map(({ name }) => name);
  return { extension: auth(names), exchange };
}
