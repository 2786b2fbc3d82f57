// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): both ends prove that they know the password, and neither shows it. PLUS
// proves, too, that nobody sits between them.

import { randomBytes } from "node:crypto";
import type { ChannelBinding } from "../tls.js";
import { identified } from "./identity.js";
import type { Authenticator, ClientPart, Mechanism, Proof, ServerPart, Serving } from "./mechanism.js";
import { fromBase64, NOTHING, octetsOf, same, textOf, toBase64 } from "./octets.js";
import { prepared } from "./prepared.js";
import { saslName, unescaped } from "./sasl-name.js";
import { decoySalt, decoySecret, hash, hmac, isCount, KEY_OCTETS, parseScramSecret, SCRAM_ITERATIONS, scramKeys, type ScramSecret } from "./scram-secret.js";

const COMMON = { by: "password", discloses: false, against: ["scram", "password"] } as const;

export const SCRAM_SHA_256: Mechanism = {
  ...COMMON,
  name: "SCRAM-SHA-256",
  // RFC 5802 §6: "y", we could bind to the channel and were not offered to; "n", we could not.
  client: (proof, binding) => scramClient(proof, binding === undefined ? "n" : "y", NOTHING, nonce()),
  server: (serving, initial) => scramServer(serving, initial, serving.binding === undefined ? ["n", "y"] : ["n"], NOTHING, nonce()),
};

export const SCRAM_SHA_256_PLUS: Mechanism = {
  ...COMMON,
  name: "SCRAM-SHA-256-PLUS",
  binds: true,
  client: (proof, binding) => scramClient(proof, flagOf(binding), octetsBound(binding), nonce()),
  server: (serving, initial) => scramServer(serving, initial, [flagOf(serving.binding)], octetsBound(serving.binding), nonce()),
};

/** One that was offered without a binding: a mistake of ours, and no login. */
const NOWHERE: ChannelBinding = { type: "", octets: NOTHING };

/** gs2-cbind-flag = ("p=" cb-name) / "n" / "y" */
function flagOf({ type }: ChannelBinding = NOWHERE): string {
  return `p=${type}`;
}

function octetsBound({ octets }: ChannelBinding = NOWHERE): Uint8Array {
  return octets;
}

/** 144 bits, in characters of which none is a comma. */
function nonce(): string {
  return randomBytes(18).toString("base64");
}

export async function* scramClient({ user, secret }: Proof, flag: string, bound: Uint8Array, ours: string): ClientPart {
  const [name, password] = [saslName(user), prepared(secret)];
  if (name === undefined || password === undefined) return false;
  const header = `${flag},,`;
  const bare = `n=${name},r=${ours}`;
  const first = yield octetsOf(`${header}${bare}`);
  const asked = parseServerFirst(first, ours);
  if (asked === undefined) return false;
  const keys = await scramKeys(password, asked.salt, asked.iterations);
  const withoutProof = `c=${bindingInput(header, bound)},r=${asked.nonce}`;
  const message = `${bare},${asked.text},${withoutProof}`;
  const proof = xor(keys.clientKey, hmac(keys.storedKey, message));
  const signature = parseServerFinal(yield octetsOf(`${withoutProof},p=${toBase64(proof)}`));
  if (signature === undefined || !same(signature, hmac(keys.serverKey, message))) return false; // §5: whoever it is does not know the password
  yield NOTHING;
  return true;
}

/** `flags`: those that a client may show. */
export async function* scramServer(
  { authenticator }: Serving, initial: Uint8Array | undefined, flags: readonly string[], bound: Uint8Array, ours: string,
): ServerPart {
  const first = parseClientFirst(initial ?? (yield NOTHING));
  if (first === undefined) return "malformed";
  if (!flags.includes(first.flag)) return "credentials"; // §6: another channel than ours, or one who was not shown what is offered here
  const { known, secret } = await secretFor(authenticator, first.user);
  const nonces = `${first.nonce}${ours}`;
  const told = `r=${nonces},s=${toBase64(secret.salt)},i=${secret.iterations}`;
  const last = parseClientFinal(yield octetsOf(told));
  if (last === undefined) return "malformed";
  const { storedKey, serverKey } = await secret.keys();
  const message = `${first.bare},${told},${last.withoutProof}`;
  const clientKey = xor(last.proof, hmac(storedKey, message));
  const proved = same(hash(clientKey), storedKey) && known;
  if (!proved || last.binding !== bindingInput(first.header, bound) || last.nonce !== nonces) return "credentials";
  const identity = await identified(authenticator, first.user, first.other);
  if (typeof identity === "string") return identity;
  const answer = yield octetsOf(`v=${toBase64(hmac(serverKey, message))}`);
  return answer.length === 0 ? identity : "malformed"; // RFC 4954 §4: data that comes with the success is a challenge of its own
}

/** What a user is asked with; for one who is not known it looks the same, takes as long, and ends in nothing. */
interface Asking {
  readonly known: boolean;
  readonly secret: Pick<ScramSecret, "salt" | "iterations"> & { keys(): Promise<Pick<ScramSecret, "storedKey" | "serverKey">> };
}

async function secretFor(authenticator: Authenticator, user: string): Promise<Asking> {
  if (authenticator.scram !== undefined) {
    const text = await authenticator.scram(user);
    const secret = text === undefined ? decoySecret(user) : parseScramSecret(text);
    return { known: text !== undefined, secret: { ...secret, keys: async () => secret } };
  }
  const text = await authenticator.password?.(user);
  const password = text === undefined ? undefined : prepared(text);
  const [salt, iterations] = [decoySalt(user), SCRAM_ITERATIONS.usual];
  return { known: password !== undefined, secret: { salt, iterations, keys: () => scramKeys(password ?? "", salt, iterations) } };
}

/** printable: %x21-2B / %x2D-7E. A nonce that is longer than this would make our answer longer than a line of a reply. */
const NONCE = "[!-+\\--~]{1,256}";
const BASE64 = "[A-Za-z0-9+/]+={0,2}";
/** extensions: *("," attr-val), which are passed over; but "m", which asks not to be (§5.1). */
const EXTENSIONS = "(?:,[A-Za-ln-z]=[^,\\0]+)*";
const CLIENT_FIRST = new RegExp(`^(([ny]|p=[A-Za-z0-9.-]+),(?:a=([^,\\0]+))?,)(n=([^,\\0]+),r=(${NONCE})${EXTENSIONS})$`);
const SERVER_FIRST = new RegExp(`^r=(${NONCE}),s=(${BASE64}),i=([1-9]\\d{0,6})${EXTENSIONS}$`);
const CLIENT_FINAL = new RegExp(`^(c=(${BASE64}),r=(${NONCE})${EXTENSIONS}),p=(${BASE64})$`);
const SERVER_FINAL = new RegExp(`^v=(${BASE64})${EXTENSIONS}$`);

/** gs2-header client-first-message-bare. Undefined where it is none; the same for the other three. */
function parseClientFirst(octets: Uint8Array): { header: string; flag: string; other: string; bare: string; user: string; nonce: string } | undefined {
  const [, header, flag, authzid, bare, username, theirs] = CLIENT_FIRST.exec(textOf(octets) ?? "") ?? [];
  if (header === undefined || flag === undefined || bare === undefined || username === undefined || theirs === undefined) return undefined;
  const [user, other] = [unescaped(username), authzid === undefined ? "" : unescaped(authzid)];
  return user === undefined || other === undefined ? undefined : { header, flag, other, bare, user, nonce: theirs };
}

/** nonce "," salt "," iteration-count; the nonce has to begin with ours, and to be more than it. */
function parseServerFirst(octets: Uint8Array | undefined, ours: string): { text: string; nonce: string; salt: Uint8Array; iterations: number } | undefined {
  const [text, nonces, salted = "", count] = SERVER_FIRST.exec(textOf(octets ?? NOTHING) ?? "") ?? [];
  const [salt, iterations] = [fromBase64(salted), Number(count)];
  if (text === undefined || nonces === undefined || salt === undefined || !isCount(iterations)) return undefined;
  return nonces.startsWith(ours) && nonces !== ours ? { text, nonce: nonces, salt, iterations } : undefined;
}

/** channel-binding "," nonce "," proof */
function parseClientFinal(octets: Uint8Array): { withoutProof: string; binding: string; nonce: string; proof: Uint8Array } | undefined {
  const [, withoutProof, binding, nonces, proved = ""] = CLIENT_FINAL.exec(textOf(octets) ?? "") ?? [];
  const proof = fromBase64(proved);
  if (withoutProof === undefined || binding === undefined || nonces === undefined || proof?.length !== KEY_OCTETS) return undefined;
  return { withoutProof, binding, nonce: nonces, proof };
}

/** verifier; a server-error is none. */
function parseServerFinal(octets: Uint8Array | undefined): Uint8Array | undefined {
  const [, verifier] = SERVER_FINAL.exec(textOf(octets ?? NOTHING) ?? "") ?? [];
  return verifier === undefined ? undefined : fromBase64(verifier);
}

/** cbind-input = gs2-header [ cbind-data ] */
function bindingInput(header: string, bound: Uint8Array): string {
  return toBase64(Buffer.concat([octetsOf(header), bound]));
}

/** Of two that are equally long. */
function xor(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((octet, at) => octet ^ other[at]!);
}
