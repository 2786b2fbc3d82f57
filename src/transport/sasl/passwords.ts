// Mechanisms that show the password: PLAIN (RFC 4616), LOGIN (no RFC). One that shows it to nobody who does not know it: CRAM-MD5
// (RFC 2195).

import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { identified, isPassword, nameOf } from "./identity.js";
import type { Authenticator, Mechanism, ServerPart } from "./mechanism.js";
import { NOTHING, octetsOf, same, textOf } from "./octets.js";
import { prepared } from "./prepared.js";

export const PLAIN: Mechanism = {
  name: "PLAIN",
  by: "password",
  discloses: true,
  against: ["verify", "scram", "password"],
  async *client({ user, secret }) {
    if (`${user}${secret}`.includes("\0")) return false;
    yield octetsOf(`\0${user}\0${secret}`);
    return true;
  },
  // message = [authzid] UTF8NUL authcid UTF8NUL passwd
  async *server({ authenticator }, initial) {
    const [as, name = "", password = "", ...more] = textOf(initial ?? (yield NOTHING))?.split("\0") ?? [];
    const [user, other] = [prepared(name), as === "" ? "" : prepared(as ?? "")];
    if (user === undefined || other === undefined || password === "" || more.length > 0) return "malformed";
    return (await isPassword(authenticator, user, password)) ? identified(authenticator, user, other) : "credentials";
  },
};

/** Two challenges, in words that nobody reads. Clients may give the user with AUTH, though the server begins. */
export const LOGIN: Mechanism = {
  name: "LOGIN",
  by: "password",
  discloses: true,
  against: ["verify", "scram", "password"],
  async *client({ user, secret }) {
    yield undefined;
    yield octetsOf(user);
    yield octetsOf(secret);
    return true;
  },
  async *server({ authenticator }, initial) {
    const user = nameOf(initial ?? (yield octetsOf("Username:")));
    if (user === undefined) return "malformed";
    const password = textOf(yield octetsOf("Password:"));
    if (password === undefined || password === "" || password.includes("\0")) return "malformed";
    return (await isPassword(authenticator, user, password)) ? identified(authenticator, user, "") : "credentials";
  },
};

export const CRAM_MD5: Mechanism = {
  name: "CRAM-MD5",
  by: "password",
  discloses: false,
  against: ["password"],
  async *client({ user, secret }) {
    const challenge = yield undefined;
    if (challenge === undefined) return false;
    yield octetsOf(`${user} ${cramMd5(secret, challenge)}`);
    return true;
  },
  server: ({ authenticator, hostname }, initial) =>
    cramMd5Server(authenticator, initial, `<${randomBytes(12).toString("hex")}.${Date.now()}@${hostname}>`),
};

/** What stands for the password of a user who is not known. */
const DECOY = randomUUID();

/** RFC 2195 §2: user, SP, digest; a space in the user's name is his own. */
export async function* cramMd5Server(authenticator: Authenticator, initial: Uint8Array | undefined, challenge: string): ServerPart {
  if (initial !== undefined) return "unasked";
  const [, name = "", digest] = /^([^]+) ([0-9a-f]{32})$/.exec(textOf(yield octetsOf(challenge)) ?? "") ?? [];
  const user = prepared(name);
  if (digest === undefined || user === undefined) return "malformed";
  const known = await authenticator.password?.(user);
  const right = cramMd5(known ?? DECOY, octetsOf(challenge));
  return same(octetsOf(digest), octetsOf(right)) && known !== undefined ? identified(authenticator, user, "") : "credentials";
}

function cramMd5(password: string, challenge: Uint8Array): string {
  return createHmac("md5", password).update(challenge).digest("hex");
}
