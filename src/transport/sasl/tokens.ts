// Mechanisms that show a bearer token (RFC 6750): OAUTHBEARER (RFC 7628), and what came before it, XOAUTH2.

import { identified } from "./identity.js";
import type { Authenticator, Failure, Identity, Mechanism, TokenTarget } from "./mechanism.js";
import { NOTHING, octetsOf, textOf } from "./octets.js";
import { prepared } from "./prepared.js";
import { saslName, unescaped } from "./sasl-name.js";

/** RFC 7628 §3.2.3: what follows an error. */
const UNDERSTOOD = octetsOf("\x01");
/** A line end behind it, as it comes from a file, would be told to the server as a part of something. */
const TOKEN = /^[!-~]+$/;

export const OAUTHBEARER: Mechanism = {
  name: "OAUTHBEARER",
  by: "token",
  discloses: true,
  against: ["token"],
  // RFC 7628 §3.1: host and port are for tokens that sign them; where they are told, a server has to compare them.
  async *client({ user, secret }) {
    const name = user === "" ? "" : saslName(user);
    if (name === undefined || !TOKEN.test(secret)) return false;
    const error = yield octetsOf(`n,${name === "" ? "" : `a=${name}`},\x01auth=Bearer ${secret}\x01\x01`);
    if (error !== undefined) yield UNDERSTOOD;
    return true;
  },
  async *server({ authenticator }, initial) {
    const said = parseOauthBearer(textOf(initial ?? (yield NOTHING)) ?? "");
    const outcome = said === undefined ? "malformed" : await holder(authenticator, said);
    if (typeof outcome !== "string") return outcome;
    yield octetsOf(JSON.stringify({ status: said === undefined ? "invalid_request" : "invalid_token", ...authenticator.tokenHelp }));
    return outcome; // whatever the answer is
  },
};

/** No RFC. The error is a challenge here, too; the answer is empty, and then comes the refusal. */
export const XOAUTH2: Mechanism = {
  name: "XOAUTH2",
  by: "token",
  discloses: true,
  against: ["token"],
  async *client({ user, secret }) {
    if (user.includes("\x01") || !TOKEN.test(secret)) return false;
    const error = yield octetsOf(`user=${user}\x01auth=Bearer ${secret}\x01\x01`);
    if (error !== undefined) yield NOTHING;
    return true;
  },
  async *server({ authenticator }, initial) {
    const [, name = "", token] = /^user=([^\x01]+)\x01auth=Bearer ([!-~]+)\x01\x01$/i.exec(textOf(initial ?? (yield NOTHING)) ?? "") ?? [];
    const user = prepared(name);
    if (user === undefined || token === undefined) return "malformed";
    const outcome = await holder(authenticator, { user, token });
    if (typeof outcome !== "string") return outcome;
    yield octetsOf(JSON.stringify({ status: "401", schemes: "bearer", scope: authenticator.tokenHelp?.scope }));
    return outcome;
  },
};

interface Said extends TokenTarget {
  /** Empty where it is not said. */
  readonly user: string;
  /** Empty where there is none: a client may ask so what it needs (RFC 7628 §4.3). */
  readonly token: string;
}

/** client-resp = gs2-header kvsep *kvpair kvsep; kvpair = key "=" value kvsep */
function parseOauthBearer(text: string): Said | undefined {
  const [, name, pairs] = /^[ny],(?:a=([^,\x00\x01]+))?,\x01((?:[A-Za-z]+=[\t\n\r -~]*\x01)*)\x01$/.exec(text) ?? [];
  if (pairs === undefined) return undefined;
  const user = name === undefined ? "" : unescaped(name);
  const values = new Map(pairs.split("\x01").map((pair) => [pair.split("=", 1)[0], pair.slice(pair.indexOf("=") + 1)]));
  const auth = values.get("auth");
  if (user === undefined || auth === undefined) return undefined;
  return { user, token: /^Bearer +([!-~]+)$/i.exec(auth)?.[1] ?? "", host: values.get("host"), port: values.get("port") };
}

/** RFC 7628 §3.2: who it is is what the token says; the name that the client gave is whom it wishes to act as. */
async function holder(authenticator: Authenticator, { user, token, host, port }: Said): Promise<Identity | Failure> {
  const answer = token === "" ? false : await authenticator.token?.(user, token, { host, port });
  const holds = answer === true ? user : typeof answer === "string" ? answer : "";
  return holds === "" ? "credentials" : identified(authenticator, holds, user);
}
