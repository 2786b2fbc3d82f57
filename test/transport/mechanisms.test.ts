// SASL mechanisms: the examples of the RFCs, both ends against each other, and everything that is no message.

import { createHmac } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  AUTH_LIMITS, bindingFor, Login, MECHANISMS, offered, SCRAM_ITERATIONS, scramSecret, usable, type Authenticator, type ChannelBinding, type ClientPart, type Credentials, type LoginStep,
  type Mechanism, type ServerPart, type Serving,
} from "../../dist/transport/index.js";
import { cramMd5Server } from "../../dist/transport/sasl/passwords.js";
import { prepared } from "../../dist/transport/sasl/prepared.js";
import { scramClient, scramServer } from "../../dist/transport/sasl/scram.js";
import { scramKeys } from "../../dist/transport/sasl/scram-secret.js";
import { random } from "../splits.js";

const test = suite("mechanisms");

const BINDING: ChannelBinding = { type: "tls-exporter", octets: Buffer.alloc(32, 7) };
const OTHER_BINDING: ChannelBinding = { type: "tls-exporter", octets: Buffer.alloc(32, 8) };
const NOTHING = new Uint8Array(0);
const PASSWORDS: { readonly [user: string]: string } = { "tim": "tanstaaftanstaaf", "user": "pencil", "Kurt": "xipj3plmq", "a=b,c": "with, comma = sign", "jürgen": "pässwörd", "two words": "½ ´" };
const USERS = Object.keys(PASSWORDS);
const SECRETS = new Map(await Promise.all(USERS.map(async (user) => [user, await scramSecret(PASSWORDS[user]!, 4096)] as const)));

const BY_PASSWORD: Authenticator = { password: (user) => PASSWORDS[user] };
const BY_SECRET: Authenticator = { scram: async (user) => SECRETS.get(user) };
const BY_VERIFYING: Authenticator = { verify: async (user, password) => PASSWORDS[user] === password };
const BY_TOKEN: Authenticator = { token: (user, token) => (token === tokenOf(user) ? true : token === "tims-token" && "tim") };

function tokenOf(user: string): string {
  return `token-${Buffer.from(user).toString("hex")}`;
}

function mechanism(name: string): Mechanism {
  return MECHANISMS.find((each) => each.name === name)!;
}

function octets(text: string): Uint8Array {
  return Buffer.from(text);
}

function text(given: Uint8Array | undefined): string {
  return Buffer.from(given ?? NOTHING).toString();
}

function base64(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString("base64");
}

function serving(authenticator: Authenticator, binding?: ChannelBinding): Serving {
  return { authenticator, binding, hostname: "mx.example" };
}

/** What a server says to an AUTH command and the lines behind it, up to its outcome. */
async function heard(name: string, authenticator: Authenticator, initial: string | undefined, ...lines: readonly string[]): Promise<LoginStep[]> {
  const login = new Login(mechanism(name), serving(authenticator));
  const steps = [await login.begin(initial)];
  for (const line of lines) {
    assert.is(steps.at(-1)!.reply.code, 334, `there is a challenge for ${line}`);
    steps.push(await login.next(line));
  }
  return steps;
}

async function outcome(name: string, authenticator: Authenticator, initial: string | undefined, ...lines: readonly string[]): Promise<string> {
  const { reply, identity } = (await heard(name, authenticator, initial, ...lines)).at(-1)!;
  assert.is(identity !== undefined, reply.code === 235);
  return identity === undefined ? `${reply.code} ${reply.enhanced}` : identity.authenticationId === identity.authorizationId ? identity.authenticationId : `${identity.authenticationId} as ${identity.authorizationId}`;
}

const REFUSED = "535 5.7.8";
const MALFORMED = "501 5.5.2";

interface Joined {
  /** What was said, "C: …" and "S: …". */
  readonly said: readonly string[];
  readonly outcome: string;
  /** Whether the client is content. */
  readonly believed: boolean;
}

/** Both ends, in memory. `atOnce`: the first word of the client goes with AUTH. */
async function joined(client: ClientPart, login: Login, atOnce = true): Promise<Joined> {
  const said: string[] = [];
  const first = await client.next();
  if (first.done === true) return { said, outcome: "", believed: false };
  const initial = first.value === undefined ? undefined : first.value.length === 0 ? "=" : base64(first.value);
  let waiting = atOnce ? undefined : first.value;
  if (atOnce && initial !== undefined) said.push(`C: ${text(first.value)}`);
  let step = await login.begin(atOnce ? initial : undefined);
  while (step.reply.code === 334) {
    const challenge = Buffer.from(step.reply.lines.join(""), "base64");
    said.push(`S: ${text(challenge)}`);
    const { done, value } = waiting === undefined ? await client.next(challenge) : { done: false, value: waiting };
    waiting = undefined;
    if (done === true) return { said, outcome: "cancelled", believed: false };
    said.push(`C: ${text(value as Uint8Array)}`);
    step = await login.next(base64(value as Uint8Array));
  }
  const { reply, identity } = step;
  const end = reply.code === 235 ? await client.next(undefined) : { done: true, value: false };
  return { said, outcome: identity?.authenticationId ?? `${reply.code} ${reply.enhanced}`, believed: end.done === true && end.value === true };
}

test("SASLprep: the examples of RFC 4013 §3, and others", () => {
  const good = [["I\u00adX", "IX"], ["user", "user"], ["USER", "USER"], ["\u00aa", "a"], ["\u2168", "IX"], ["½", "1⁄2"], ["a\u00a0b\u3000c\u200bd", "a b c d"], ["u\u0308", "ü"], ["❤\ufe0f", "❤"], ["👍", "👍"], [" ", " "]];
  for (const [given, made] of good) assert.is(prepared(given!), made);
  for (const bad of ["", "\u0007", "\u00ad", "a\0b", "a\nb", "\x7f", "\u0085", "\u202e", "\ue000", "\ufffd", "\ufdd0", "\u2028", "\ud800", "\u{e0001}", "\u2ff0", "\u0378"]) assert.is(prepared(bad), undefined, JSON.stringify(bad));
});

test("PLAIN: the examples of RFC 4616 §4", async () => {
  assert.is(text((await mechanism("PLAIN").client!({ user: "tim", secret: "tanstaaftanstaaf" }).next()).value as Uint8Array), "\0tim\0tanstaaftanstaaf");
  const asUrsel = "Ursel\0Kurt\0xipj3plmq";
  for (const authenticator of [BY_PASSWORD, BY_SECRET, BY_VERIFYING]) {
    assert.is(await outcome("PLAIN", authenticator, base64("\0tim\0tanstaaftanstaaf")), "tim");
    assert.is(await outcome("PLAIN", authenticator, undefined, base64("\0tim\0tanstaaftanstaaf")), "tim");
    assert.is(await outcome("PLAIN", authenticator, base64(asUrsel)), REFUSED, "another user's name is refused");
    assert.is(await outcome("PLAIN", authenticator, base64("Kurt\0Kurt\0xipj3plmq")), "Kurt", "one's own is not");
    assert.is(await outcome("PLAIN", { ...authenticator, mayActAs: async (user, other) => user === "Kurt" && other === "Ursel" }, base64(asUrsel)), "Kurt as Ursel");
    assert.is(await outcome("PLAIN", { ...authenticator, mayActAs: () => true }, base64("Ursel\0Kurt\0wrong")), REFUSED);
  }
  assert.is((await heard("PLAIN", BY_PASSWORD, undefined))[0]!.reply.lines.join(""), "", "the challenge is empty");
});

test("CRAM-MD5: the example of RFC 2195 §2", async () => {
  const challenge = "<1896.697170952@postoffice.reston.mci.net>";
  const answer = "tim b913a602c7eda7a495b4e6e7334d3890";
  const client = mechanism("CRAM-MD5").client!({ user: "tim", secret: "tanstaaftanstaaf" });
  assert.is((await client.next()).value, undefined, "the server begins");
  assert.is(text((await client.next(octets(challenge))).value as Uint8Array), answer);
  assert.equal(await client.next(undefined), { value: true, done: true });
  const server = cramMd5Server(BY_PASSWORD, undefined, challenge);
  assert.is(text((await server.next()).value as Uint8Array), challenge);
  assert.equal((await server.next(octets(answer))).value, { authenticationId: "tim", authorizationId: "tim" });
});

test("CRAM-MD5: every challenge is another, a msg-id with our name in it", async () => {
  const challenges = await Promise.all(Array.from({ length: 10 }, async () => Buffer.from((await heard("CRAM-MD5", BY_PASSWORD, undefined))[0]!.reply.lines[0]!, "base64").toString()));
  assert.is(new Set(challenges).size, 10);
  for (const each of challenges) assert.match(each, /^<[0-9a-f]{24}\.\d+@mx\.example>$/);
});

const RFC_7677 = {
  first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  last: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  outcome: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};
const [OURS, THEIRS] = ["rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"];

function clientOf7677(): ClientPart {
  return scramClient({ user: "user", secret: "pencil" }, "n", NOTHING, OURS);
}

async function serverOf7677(initial = RFC_7677.first, flags = ["n", "y"], bound = NOTHING, authenticator: Partial<Authenticator> = {}): Promise<ServerPart> {
  const { storedKey, serverKey } = await scramKeys("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4096);
  const secret = `SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$${base64(storedKey)}:${base64(serverKey)}`;
  return scramServer(serving({ scram: (user) => (user === "user" ? secret : undefined), ...authenticator }), octets(initial), flags, bound, THEIRS);
}

test("SCRAM-SHA-256: the example of RFC 7677 §3, both ends", async () => {
  const client = clientOf7677();
  assert.is(text((await client.next()).value as Uint8Array), RFC_7677.first);
  assert.is(text((await client.next(octets(RFC_7677.challenge))).value as Uint8Array), RFC_7677.last);
  assert.equal((await client.next(octets(RFC_7677.outcome))).value, NOTHING);
  assert.equal(await client.next(undefined), { value: true, done: true });
  const server = await serverOf7677();
  assert.is(text((await server.next()).value as Uint8Array), RFC_7677.challenge);
  assert.is(text((await server.next(octets(RFC_7677.last))).value as Uint8Array), RFC_7677.outcome);
  assert.equal((await server.next(NOTHING)).value, { authenticationId: "user", authorizationId: "user" });
});

test("SCRAM: a client gives up at a first message that is none, asks too little or too much, or is not for it", async () => {
  const [salt, nonces] = ["s=W22ZaJ0SNY7soEsUEjb6gQ==", `r=${OURS}${THEIRS}`];
  const { least, most } = SCRAM_ITERATIONS;
  for (const challenge of [
    "", "e=other-error", `${nonces},${salt}`, `${nonces},i=4096,${salt}`, `${salt},i=4096`, `m=ext,${nonces},${salt},i=4096`, `${nonces},${salt},i=4096,m=ext`, `${nonces},${salt},i=4096,`, `${nonces},${salt},i=4096,x`, `${nonces},${salt},i=4096 `,
    `r=${OURS},${salt},i=4096`, `r=x${OURS}${THEIRS},${salt},i=4096`, `r=${OURS.slice(1)}${THEIRS},${salt},i=4096`, `r=${OURS}\x7f,${salt},i=4096`, `r=${OURS}ü,${salt},i=4096`, `r=,${salt},i=4096`, `r=${OURS}${"x".repeat(400)},${salt},i=4096`,
    `${nonces},s=,i=4096`, `${nonces},s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096`, `${nonces},s=!,i=4096`, `${nonces},s=QQ==QQ==,i=4096`, `${nonces},s=QR==,i=4096`,
    `${nonces},${salt},i=${least - 1}`, `${nonces},${salt},i=${most + 1}`, `${nonces},${salt},i=0`, `${nonces},${salt},i=1`, `${nonces},${salt},i=04096`, `${nonces},${salt},i=-4096`, `${nonces},${salt},i=4096.0`, `${nonces},${salt},i=99999999999999999999`, `${nonces},${salt},i=1e5`, `${nonces},${salt},i=`,
  ]) {
    const client = clientOf7677();
    await client.next();
    assert.equal(await client.next(octets(challenge)), { value: false, done: true }, challenge);
  }
  const client = clientOf7677();
  await client.next();
  assert.is((await client.next(Uint8Array.of(0x72, 0x3d, 0xff))).done, true, "no UTF-8");
  for (const fine of [`${nonces},${salt},i=${least}`, `${nonces},${salt},i=${least},x=1,y=a=b`]) {
    const other = clientOf7677();
    await other.next();
    assert.is((await other.next(octets(fine))).done, false, fine);
  }
});

test("SCRAM: a server that does not show that it knows the password is not believed, whatever it says", async () => {
  const ends = ["", "v=", "v=!", `e=other-error`, `v=${base64(Buffer.alloc(32))}`, `v=${base64(Buffer.alloc(31))}`, RFC_7677.outcome.slice(0, -1), `${RFC_7677.outcome} `, `x=1,${RFC_7677.outcome}`, RFC_7677.outcome.toLowerCase()];
  for (const end of [...ends.map(octets), Uint8Array.of(0xff), undefined]) {
    const client = clientOf7677();
    await client.next();
    await client.next(octets(RFC_7677.challenge));
    assert.equal(await client.next(end), { value: false, done: true }, text(end));
  }
  const early = clientOf7677();
  await early.next();
  assert.equal(await early.next(undefined), { value: false, done: true }, "235 at once");
  const more = clientOf7677();
  for (const said of [undefined, RFC_7677.challenge, `${RFC_7677.outcome},x=1`]) await more.next(said === undefined ? undefined : octets(said));
  assert.is((await more.next(octets("more"))).done, true, "a challenge behind the last one");
});

test("SCRAM: a server refuses every first message that is none", async () => {
  for (const first of [
    "", "n", "n,", "n,,", "n,,n=user", "n,,r=x", "n,,n=user,r=", "n,,n=,r=x", "n,,r=x,n=user", "n,,m=ext,n=user,r=x", "n,,n=user,r=x,m=ext", "N,,n=user,r=x", "x,,n=user,r=x", ",,n=user,r=x", "n,n=user,r=x", "n,a=,n=user,r=x", "n,b=x,n=user,r=x", "p=,,n=user,r=x", "p,,n=user,r=x", "p=tls_exporter,,n=user,r=x",
    "n,,n=us=er,r=x", "n,,n=us=2cer,r=x", "n,,n=us=3dr,r=x", "n,,n=us=,r=x", "n,a=x=y,n=user,r=x", "n,,n=us\0er,r=x", "n,,n=us\x07er,r=x", "n,a=\x07,n=user,r=x", "n,,n=\u00ad,r=x", "n,,n=user,r=x y", "n,,n=user,r=ü", "n,,n=user,r=x,", "n,,n=user,r=x,y", "n,,n=user,r=x,y=", "n,,n=user,r=x\n", " n,,n=user,r=x", `n,,n=user,r=${"x".repeat(257)}`,
  ]) {
    assert.equal(await (await serverOf7677(first)).next(), { value: "malformed", done: true }, JSON.stringify(first));
  }
  const server = scramServer(serving(BY_SECRET), undefined, ["n"], NOTHING, THEIRS);
  assert.equal((await server.next()).value, NOTHING);
  assert.equal(await server.next(Uint8Array.of(0x6e, 0x2c, 0x2c, 0xff)), { value: "malformed", done: true }, "no UTF-8");
  for (const first of ["n,,n=user,r=x,y=z", "y,,n=user,r=x", "n,a=user,n=user,r=x", `n,,n=user,r=${"x".repeat(256)}`]) assert.is((await (await serverOf7677(first)).next()).done, false, first);
});

test("SCRAM: a server refuses every last message that is none, or proves nothing", async () => {
  const proof = RFC_7677.last.slice(RFC_7677.last.indexOf("p=") + 2);
  const nonces = `r=${OURS}${THEIRS}`;
  const verdict = async (last: string | Uint8Array): Promise<unknown> => {
    const server = await serverOf7677();
    await server.next();
    return (await server.next(typeof last === "string" ? octets(last) : last)).value;
  };
  for (const last of [
    "", "*", "x", `${nonces},p=${proof}`, `c=biws,p=${proof}`, `c=biws,${nonces}`, `c=biws,${nonces},`, `c=biws,${nonces},p=`, `c=biws,${nonces},p=!`, `c=,${nonces},p=${proof}`, `${nonces},c=biws,p=${proof}`, `c=biws,${nonces},m=x,p=${proof}`,
    `c=biws,${nonces},p=${proof} `, `c=biws,${nonces},p=${proof},x=y`, `c=biws,${nonces},p=${proof.slice(0, -1)}`, `c=biws,${nonces},p=${base64(Buffer.concat([Buffer.from(proof, "base64"), Buffer.alloc(1)]))}`, `c=biws,${nonces},p=${base64(Buffer.alloc(31))}`, `\0${RFC_7677.last}`,
  ]) assert.is(await verdict(last), "malformed", last);
  assert.is(await verdict(Uint8Array.of(0xff)), "malformed");
  for (const last of [
    `c=eSws,${nonces},p=${proof}`, `c=biw=,${nonces},p=${proof}`, `c=biws,r=${OURS}x${THEIRS},p=${proof}`, `c=biws,r=${OURS},p=${proof}`, `c=biws,${nonces},x=y,p=${proof}`, `c=biws,${nonces},p=${base64(Buffer.alloc(32))}`,
    `c=biws,${nonces},p=${base64(Buffer.from(proof, "base64").map((octet, at) => (at === 31 ? octet ^ 1 : octet)))}`,
  ]) assert.is(await verdict(last), "credentials", last);
  const server = await serverOf7677();
  await server.next();
  await server.next(octets(RFC_7677.last));
  assert.equal(await server.next(octets("x")), { value: "malformed", done: true }, "something behind the last");
});

const CLIENT_FLAGS: readonly (readonly [what: string, flag: string, bound: Uint8Array, serverHas: ChannelBinding | undefined, plus: boolean, good: boolean])[] = [
  ["none at either end", "n", NOTHING, undefined, false, true],
  ["the client could, the server could not", "y", NOTHING, undefined, false, true],
  ["the server could, the client could not", "n", NOTHING, BINDING, false, true],
  ["both could, and the client was not shown it: somebody is between", "y", NOTHING, BINDING, false, false],
  ["bound, by the name without PLUS", "p=tls-exporter", BINDING.octets, BINDING, false, false],
  ["bound, where the server could not", "p=tls-exporter", BINDING.octets, undefined, false, false],
  ["bound", "p=tls-exporter", BINDING.octets, BINDING, true, true],
  ["bound to another channel: somebody is between", "p=tls-exporter", OTHER_BINDING.octets, BINDING, true, false],
  ["bound to nothing", "p=tls-exporter", NOTHING, BINDING, true, false],
  ["bound in another way", "p=tls-unique", BINDING.octets, BINDING, true, false],
  ["not bound, by the name with PLUS", "n", NOTHING, BINDING, true, false],
  ["not bound, by the name with PLUS, though it could", "y", NOTHING, BINDING, true, false],
  ["offered by mistake", "p=tls-exporter", BINDING.octets, undefined, true, false],
];

for (const [what, flag, bound, serverHas, plus, good] of CLIENT_FLAGS) {
  test(`SCRAM and the channel (RFC 5802 §6): ${what}`, async () => {
    const login = new Login(mechanism(plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256"), serving(BY_SECRET, serverHas));
    const { outcome: ended, believed } = await joined(scramClient({ user: "user", secret: "pencil" }, flag, bound, OURS), login);
    assert.is(ended, good ? "user" : REFUSED);
    assert.is(believed, good);
  });
}

test("SCRAM: the flag that a client shows", async () => {
  const shown = async (name: string, binding?: ChannelBinding): Promise<string> => text((await mechanism(name).client!({ user: "a=b,c", secret: "x" }, binding).next()).value as Uint8Array);
  assert.match(await shown("SCRAM-SHA-256"), /^n,,n=a=3Db=2Cc,r=[A-Za-z0-9+/]{24}$/);
  assert.match(await shown("SCRAM-SHA-256", BINDING), /^y,,n=/);
  assert.match(await shown("SCRAM-SHA-256-PLUS", BINDING), /^p=tls-exporter,,n=/);
  assert.is.not(await shown("SCRAM-SHA-256"), await shown("SCRAM-SHA-256"), "every nonce is another");
});

test("SCRAM: to act as somebody else", async () => {
  const first = RFC_7677.first.replace("n,,", "n,a=Urs=2Cel,");
  const run = async (authenticator: Partial<Authenticator>): Promise<unknown> => {
    const server = await serverOf7677(first, ["n"], NOTHING, authenticator);
    const challenge = text((await server.next()).value as Uint8Array);
    const { clientKey, storedKey } = await scramKeys("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4096);
    const withoutProof = `c=${base64("n,a=Urs=2Cel,")},r=${OURS}${THEIRS}`;
    const signature = createHmac("sha256", storedKey).update(`${first.slice("n,a=Urs=2Cel,".length)},${challenge},${withoutProof}`).digest();
    const answer = await server.next(octets(`${withoutProof},p=${base64(signature.map((octet, at) => octet ^ clientKey[at]!))}`));
    return answer.done === true ? answer.value : (await server.next(NOTHING)).value;
  };
  assert.is(await run({}), "credentials");
  assert.equal(await run({ mayActAs: (user, other) => user === "user" && other === "Urs,el" }), { authenticationId: "user", authorizationId: "Urs,el" });
});

test("SCRAM: what a password is made into can be stored, and is bound to be right", async () => {
  const secret = await scramSecret("pencil");
  assert.match(secret, new RegExp(`^SCRAM-SHA-256\\$${SCRAM_ITERATIONS.usual}:[A-Za-z0-9+/]{22}==\\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$`));
  assert.is.not(await scramSecret("pencil"), secret, "every salt is another");
  for (const password of ["", "a\0b", "a\nb"]) await rejects(scramSecret(password), /no password/);
  for (const iterations of [0, -1, NaN, 4095, 1_000_001, 4096.5]) await rejects(scramSecret("pencil", iterations), /iterations/);
  for (const stored of ["", "pencil", secret.slice(0, -1), `${secret} `, secret.replace("256$15000", "256$1"), secret.replace("256$15000", "256$9999999"), secret.replace("SCRAM-SHA-256", "SCRAM-SHA-1"), secret.replace(/:[^$]+\$/, ":!$"), "SCRAM-SHA-256$4096:QQ==$QQ==:QQ=="]) {
    for (const [name, initial] of [["PLAIN", base64("\0user\0pencil")], ["SCRAM-SHA-256", base64(RFC_7677.first)]] as const) {
      const [step] = await heard(name, { scram: () => stored }, initial);
      assert.is(step!.reply.code, 454, stored);
      assert.match(String(step!.error), /^TypeError: what is stored is no secret of SCRAM-SHA-256$/);
    }
  }
});

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  assert.match(await promise.then(() => "", (error: Error) => error.message), message);
}

const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const OF_7628: Authenticator = { token: (user, token, said) => user === "user@example.com" && token === TOKEN && said.host === "server.example.com" && (said.port === "143" || said.port === "587") };

test("OAUTHBEARER: the examples of RFC 7628 §4.1", async () => {
  for (const initial of [
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
  ]) assert.is(await outcome("OAUTHBEARER", OF_7628, initial), "user@example.com");
  const client = mechanism("OAUTHBEARER").client!({ user: "user@example.com", secret: TOKEN });
  assert.is(text((await client.next()).value as Uint8Array), `n,a=user@example.com,\x01auth=Bearer ${TOKEN}\x01\x01`);
});

test("OAUTHBEARER: the failures of RFC 7628 §4.3 and §4.4", async () => {
  const tokenHelp = { "scope": "example_scope", "openid-configuration": "https://example.com/.well-known/openid-configuration" };
  const [error, refusal] = await heard("OAUTHBEARER", { ...OF_7628, tokenHelp }, "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE=", "AQ==");
  assert.equal(error!.reply.lines, ["eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0="]);
  assert.is(refusal!.reply.code, 535);
  const [told, over] = await heard("OAUTHBEARER", OF_7628, "bix1c2VyPXNvbWV1c2VyQGV4YW1wbGUuY29tLAFhdXRoPUJlYXJlciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENnPT0BAQ==", "AQ==");
  assert.is(Buffer.from(told!.reply.lines[0]!, "base64").toString(), '{"status":"invalid_request"}', "its name has not the form of §3.1");
  assert.is(over!.reply.code, 501);
});

test("OAUTHBEARER and XOAUTH2: whose token it is, and whom he may act as", async () => {
  const bearer = (name: string, user: string, token: string, authenticator = BY_TOKEN): Promise<string> => {
    return outcome(name, authenticator, base64(name === "XOAUTH2" ? `user=${user}\x01auth=bearer ${token}\x01\x01` : `n,${user === "" ? "" : `a=${user}`},\x01auth=BeArEr  ${token}\x01\x01`));
  };
  for (const name of ["XOAUTH2", "OAUTHBEARER"]) {
    assert.is(await bearer(name, "user", tokenOf("user")), "user");
    assert.is(await bearer(name, "tim", "tims-token"), "tim");
    assert.is(await bearer(name, "user", "tims-token", { ...BY_TOKEN, mayActAs: (one, other) => one === "tim" && other === "user" }), "tim as user");
    for (const [user, token, authenticator] of [["user", tokenOf("tim"), BY_TOKEN], ["user", "tims-token", BY_TOKEN], ["user", "x", { token: () => "" }], ["user", "x", { token: () => 1 as unknown as boolean }], ["user", "x", {}]] as const) {
      assert.is(await bearer(name, user, token, authenticator), "334 ", "the error comes first");
    }
  }
  assert.is(await bearer("OAUTHBEARER", "", "tims-token"), "tim", "who does not say whom is who the token says");
  assert.is(await bearer("OAUTHBEARER", "", tokenOf("")), "334 ", "and somebody has to");
});

test("OAUTHBEARER: what is no message is told, and refused", async () => {
  for (const message of [
    "", "\x01", "\x01\x01", "n,,", "n,,\x01", "n,,\x01\x01", "n,,\x01auth=Bearer x", "n,,\x01auth=Bearer x\x01", "n,,auth=Bearer x\x01\x01", "p=tls-exporter,,\x01auth=Bearer x\x01\x01", "x,,\x01auth=Bearer x\x01\x01", "n,\x01auth=Bearer x\x01\x01", "n,a=,\x01auth=Bearer x\x01\x01", "n,a=u=1,\x01auth=Bearer x\x01\x01", "n,a=u\x07,\x01auth=Bearer x\x01\x01",
    "n,,\x01host=x\x01\x01", "n,,\x011=x\x01auth=Bearer x\x01\x01", "n,,\x01=x\x01auth=Bearer x\x01\x01", "n,,\x01auth\x01\x01", "n,,\x01auth=Bearer \0x\x01\x01", "n,,\x01auth=Bearer ü\x01\x01", "n,,\x01auth=Bearer x\x01\x01\x01", "user=x\x01auth=Bearer x\x01\x01",
  ]) {
    const steps = await heard("OAUTHBEARER", BY_TOKEN, base64(message) || "=", "AQ==");
    assert.is(steps[1]!.reply.code, 501, JSON.stringify(message));
    assert.match(Buffer.from(steps[0]!.reply.lines[0]!, "base64").toString(), /invalid_request/);
  }
  for (const auth of ["", "Bearer", "Bearer ", "Basic x", "Bearerx", "Bearer x y", " Bearer x", "Bearer x\r\n"]) {
    assert.is(await outcome("OAUTHBEARER", BY_TOKEN, base64(`n,a=tim,\x01auth=${auth}\x01\x01`), "AQ=="), REFUSED, JSON.stringify(auth));
  }
  assert.is(await outcome("OAUTHBEARER", BY_TOKEN, base64("y,a=tim,\x01x=y\x01auth=Bearer tims-token\x01z=a=b\t\r\n\x01\x01")), "tim", "what is not known is passed over");
});

test("XOAUTH2: what is no message", async () => {
  for (const message of ["", "user=x", "user=\x01auth=Bearer x\x01\x01", "user=x\x01auth=Bearer \x01\x01", "user=x\x01auth=Bearer x\x01", "user=x\x01auth=Bearer x\x01\x01\x01", "auth=Bearer x\x01user=x\x01\x01", "user=x\x01auth=Basic x\x01\x01", "user=x\x07\x01auth=Bearer x\x01\x01", "user=x\x01auth=Bearer x y\x01\x01"]) {
    assert.is(await outcome("XOAUTH2", BY_TOKEN, base64(message) || "="), MALFORMED, JSON.stringify(message));
  }
  const [error, refusal] = await heard("XOAUTH2", { ...BY_TOKEN, tokenHelp: { scope: "https://mail.example/" } }, base64("user=user\x01auth=Bearer x\x01\x01"), "");
  assert.equal(JSON.parse(Buffer.from(error!.reply.lines[0]!, "base64").toString()), { status: "401", schemes: "bearer", scope: "https://mail.example/" });
  assert.is(refusal!.reply.code, 535);
});

test("PLAIN, LOGIN, CRAM-MD5: what is no message", async () => {
  for (const message of ["", "tim", "\0tim", "tim\0tanstaaftanstaaf", "\0tim\0", "\0\0x", "\0\0", "\0tim\0tanstaaftanstaaf\0", "\0tim\0tan\0staaf", "\0ti\x07m\0x", "\x07\0tim\0tanstaaftanstaaf", "\0\u00ad\0x"]) assert.is(await outcome("PLAIN", BY_PASSWORD, base64(message) || "="), MALFORMED, JSON.stringify(message));
  assert.is(await outcome("PLAIN", BY_PASSWORD, base64(Uint8Array.of(0, 0x74, 0, 0xff))), MALFORMED, "no UTF-8");
  assert.is(await outcome("LOGIN", BY_PASSWORD, base64("tim"), base64("tanstaaftanstaaf")), "tim", "the user with AUTH");
  for (const user of ["", "a\0b", "a\nb"]) assert.is(await outcome("LOGIN", BY_PASSWORD, undefined, base64(user)), MALFORMED);
  for (const password of ["", "a\0b"]) assert.is(await outcome("LOGIN", BY_PASSWORD, base64("tim"), base64(password)), MALFORMED);
  assert.is(await outcome("LOGIN", BY_PASSWORD, base64("tim"), base64(Uint8Array.of(0xff))), MALFORMED);
  for (const initial of ["=", base64("tim b913a602c7eda7a495b4e6e7334d3890")]) assert.is(await outcome("CRAM-MD5", BY_PASSWORD, initial), "501 5.7.0");
  const digest = "0".repeat(32);
  for (const answer of ["", "tim", "tim ", digest, ` ${digest}`, `tim ${digest}0`, `tim ${digest.slice(1)}`, `tim  ${digest.slice(1)}`, `tim ${"A".repeat(32)}`, `t\x07m ${digest}`]) {
    assert.is(await outcome("CRAM-MD5", BY_PASSWORD, undefined, base64(answer)), MALFORMED, answer);
  }
  assert.is(await outcome("CRAM-MD5", BY_PASSWORD, undefined, base64(Uint8Array.of(0xff))), MALFORMED);
  assert.is(await outcome("CRAM-MD5", BY_PASSWORD, undefined, base64(`tim ${digest}`)), REFUSED);
});

test("the words of LOGIN", async () => {
  const steps = await heard("LOGIN", BY_PASSWORD, undefined, base64("tim"));
  assert.equal(steps.map(({ reply }) => reply.lines[0]), ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]);
});

const AUTHENTICATORS: readonly (readonly [what: string, authenticator: Authenticator, names: readonly string[]])[] = [
  ["passwords", BY_PASSWORD, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"]],
  ["secrets of SCRAM", BY_SECRET, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]],
  ["a question", BY_VERIFYING, ["PLAIN", "LOGIN"]],
  ["tokens", BY_TOKEN, ["OAUTHBEARER", "XOAUTH2"]],
  ["nothing", {}, []],
];

for (const [what, authenticator, expected] of AUTHENTICATORS) {
  test(`an application that has ${what}: what is offered, and that it works, both ends joined`, async () => {
    const names = (...args: Parameters<typeof offered> extends [unknown, unknown, ...infer Rest] ? Rest : never): string[] => offered(MECHANISMS, authenticator, ...args).map(({ name }) => name);
    const shy = expected.filter((name) => !mechanism(name).discloses && name !== "SCRAM-SHA-256-PLUS");
    assert.equal(names({ unheard: true, bindable: true }), expected);
    assert.equal(names({ unheard: true }), expected.filter((name) => name !== "SCRAM-SHA-256-PLUS"));
    assert.equal(names({ unheard: false }), shy);
    assert.equal(names({ unheard: false }, []), []);
    assert.equal(names({ unheard: false }, ["PLAIN"]), expected.filter((name) => name === "PLAIN"));
    for (const name of expected) {
      const { by, client } = mechanism(name);
      const run = (user: string, secret: string, atOnce = true): Promise<Joined> => {
        return joined(client!({ user, secret }, BINDING), new Login(mechanism(name), serving(authenticator, name === "SCRAM-SHA-256" ? undefined : BINDING)), atOnce);
      };
      const right = (user: string): string => (by === "token" ? tokenOf(user) : PASSWORDS[user]!);
      const good = [...USERS.map((user) => [user, run(user, right(user))] as const), ["user", run("user", right("user"), false)] as const];
      for (const [user, all] of good) assert.equal([(await all).outcome, (await all).believed], [user, true], `${name} ${user}`);
      for (const user of ["user", "nobody"]) {
        const { outcome: ended, believed } = await run(user, "wrong");
        assert.equal([ended, believed], [REFUSED, false], `${name} ${user}`);
      }
    }
  });
}

test("a user who is not known cannot be told from one whose password is wrong", async () => {
  for (const authenticator of [BY_PASSWORD, { scram: async (user: string) => (user === "user" ? scramSecret("pencil") : undefined) }]) {
    const first = async (user: string): Promise<string> => {
      const [step] = await heard("SCRAM-SHA-256", authenticator, base64(`n,,n=${user},r=${OURS}`));
      return Buffer.from(step!.reply.lines[0]!, "base64").toString().replace(/^r=[^,]+/, "r=");
    };
    const form = /^r=,s=[A-Za-z0-9+/]{22}==,i=15000$/;
    assert.match(await first("user"), form);
    assert.match(await first("nobody"), form);
    assert.is(await first("nobody"), await first("nobody"), "asked again, he has the same salt");
    assert.is.not(await first("nobody"), await first("nobody else"));
    for (const user of ["user", "nobody"]) {
      const { said, outcome: ended } = await joined(mechanism("SCRAM-SHA-256").client!({ user, secret: "wrong" }), new Login(mechanism("SCRAM-SHA-256"), serving(authenticator)));
      assert.equal([said.length, ended], [3, REFUSED]);
    }
  }
});

test("a decoy is no way in", async () => {
  for (const authenticator of [{ password: () => undefined }, { scram: () => undefined }]) {
    for (const secret of ["", "undefined", "null"]) {
      assert.is((await outcome("PLAIN", authenticator, base64(`\0nobody\0${secret}`)))[0], "5");
      assert.is((await outcome("LOGIN", authenticator, base64("nobody"), base64(secret)))[0], "5");
    }
  }
  // the work for a user who is not known is done with an empty password
  const bare = `n=nobody,r=${OURS}`;
  const login = new Login(mechanism("SCRAM-SHA-256"), serving({ password: () => undefined }));
  const told = Buffer.from((await login.begin(base64(`n,,${bare}`))).reply.lines[0]!, "base64").toString();
  const [, nonces, salt, count] = /^r=(.+),s=(.+),i=(\d+)$/.exec(told)!;
  const { clientKey, storedKey } = await scramKeys("", Buffer.from(salt!, "base64"), Number(count));
  const signature = createHmac("sha256", storedKey).update(`${bare},${told},c=biws,r=${nonces}`).digest();
  assert.is((await login.next(base64(`c=biws,r=${nonces},p=${base64(signature.map((octet, at) => octet ^ clientKey[at]!))}`))).reply.code, 535);
});

test("a password that SCRAM cannot have: it is no password there, but may be one elsewhere", async () => {
  const odd: Authenticator = { password: () => "tab\there" };
  assert.is(await outcome("PLAIN", odd, base64("\0user\0tab\there")), "user");
  const { outcome: ended } = await joined(mechanism("SCRAM-SHA-256").client!({ user: "user", secret: "tab here" }), new Login(mechanism("SCRAM-SHA-256"), serving(odd)));
  assert.is(ended, REFUSED);
  assert.is(await outcome("PLAIN", BY_SECRET, base64("\0user\0tab\there")), REFUSED);
  for (const proof of [{ user: "user", secret: "tab\there" }, { user: "us\ner", secret: "x" }, { user: "", secret: "x" }]) assert.is((await mechanism("SCRAM-SHA-256").client!(proof).next()).done, true);
});

test("what would be read as something else is not said", async () => {
  for (const [name, user, secret] of [
    ["PLAIN", "a\0b", "x"], ["PLAIN", "a", "x\0y"], ["OAUTHBEARER", "a\x01", "x"], ["OAUTHBEARER", "a", "x\n"], ["OAUTHBEARER", "a", "x\x01host=y"], ["OAUTHBEARER", "a", ""], ["XOAUTH2", "a\x01auth=", "x"], ["XOAUTH2", "a", "x\x01\x01"], ["XOAUTH2", "a", "x\r\n"],
  ] as const) assert.equal(await mechanism(name).client!({ user, secret }).next(), { value: false, done: true }, name);
  assert.is(text((await mechanism("OAUTHBEARER").client!({ user: "", secret: "x" }).next()).value as Uint8Array), "n,,\x01auth=Bearer x\x01\x01");
  const beginner = mechanism("CRAM-MD5").client!({ user: "a", secret: "x" });
  await beginner.next();
  assert.equal(await beginner.next(undefined), { value: false, done: true }, "235 before the challenge");
});

test("an error gets the answer that it needs, and no more is said", async () => {
  for (const [name, answer] of [["OAUTHBEARER", "\x01"], ["XOAUTH2", ""]] as const) {
    const client = mechanism(name).client!({ user: "user", secret: "x" });
    await client.next();
    assert.is(text((await client.next(octets("{}"))).value as Uint8Array), answer);
    assert.is((await client.next(octets("{}"))).done, true);
  }
  for (const name of ["PLAIN", "LOGIN"]) {
    const client = mechanism(name).client!({ user: "user", secret: "x" });
    for (let count = 0; count < (name === "LOGIN" ? 3 : 1); count++) await client.next(NOTHING);
    assert.is((await client.next(NOTHING)).done, true);
  }
});

test("AUTH: an empty initial response; and what was not asked for is the caller's mistake (RFC 4954 §4)", async () => {
  assert.is(await outcome("PLAIN", BY_PASSWORD, "="), MALFORMED, "nothing, and that is no message of PLAIN");
  assert.is(await outcome("PLAIN", BY_PASSWORD, undefined, ""), MALFORMED);
  const login = new Login(mechanism("PLAIN"), serving(BY_PASSWORD));
  assert.throws(() => login.next(""), /without a challenge/);
  await login.begin("=");
  assert.throws(() => login.next(""), /without a challenge/);
});

test("an authenticator that fails: try again, and the operator learns why", async () => {
  const failing: Authenticator = { verify: () => { throw new Error("no database"); }, password: () => Promise.reject(new Error("no database")), token: () => Promise.reject(new Error("no database")), mayActAs: () => Promise.reject(new Error("no database")) };
  for (const [name, ...lines] of [["PLAIN", base64("\0tim\0x")], ["LOGIN", base64("tim"), base64("x")], ["XOAUTH2", base64("user=tim\x01auth=Bearer x\x01\x01")], ["OAUTHBEARER", base64("n,a=tim,\x01auth=Bearer x\x01\x01")], ["SCRAM-SHA-256", base64("n,,n=tim,r=x")]] as const) {
    const { reply, identity, error } = (await heard(name, failing, ...(lines as [string]))).at(-1)!;
    assert.equal([reply.code, reply.enhanced, identity], [454, "4.7.0", undefined], name);
    assert.match(String(error), /no database/);
  }
  assert.is((await heard("CRAM-MD5", failing, undefined, base64(`tim ${"0".repeat(32)}`)))[1]!.reply.code, 454);
  assert.is((await heard("PLAIN", { ...BY_PASSWORD, mayActAs: failing.mayActAs! }, base64("x\0tim\0tanstaaftanstaaf")))[0]!.reply.code, 454);
});

test("only true is a yes", async () => {
  for (const yes of [1, "true", {}, []] as unknown as boolean[]) {
    assert.is(await outcome("PLAIN", { verify: () => yes }, base64("\0tim\0x")), REFUSED);
    assert.is(await outcome("PLAIN", { verify: () => true, mayActAs: () => yes }, base64("a\0tim\0x")), REFUSED);
  }
});

test("a mechanism of an application's own", async () => {
  const echo: Mechanism = {
    name: "X-ECHO",
    by: "password",
    discloses: true,
    async *client({ secret }) {
      const challenge = yield undefined;
      yield octets(`${text(challenge)}${secret}`);
      return true;
    },
    async *server({ hostname }) {
      return text(yield octets(hostname)) === "mx.examplepencil" ? { authenticationId: "somebody", authorizationId: "somebody" } : "credentials";
    },
  };
  assert.equal(offered([echo], {}, { unheard: true }), [echo]);
  const { outcome: ended, believed } = await joined(echo.client!({ user: "", secret: "pencil" }), new Login(echo, serving({})));
  assert.equal([ended, believed], ["somebody", true]);
  const broken = async (server: () => AsyncGenerator<unknown, unknown, unknown>): Promise<LoginStep> => new Login({ ...echo, server: server as unknown as () => ServerPart }, serving({})).begin();
  for (const value of [undefined, null, true, {}, "yes", "", { authenticationId: "x" }, { authenticationId: "", authorizationId: "" }]) {
    const step = await broken(async function* () { return value; });
    assert.equal([step.reply.code, step.identity], [454, undefined], JSON.stringify(value));
  }
  assert.is((await broken(async function* () { yield "text"; })).reply.code, 454);
  const endless = new Login({ ...echo, async *server() { for (;;) yield NOTHING; } }, serving({}));
  let step = await endless.begin();
  let count = 0;
  for (; step.reply.code === 334; count++) step = await endless.next("");
  assert.equal([count, step.reply.code], [AUTH_LIMITS.challenges, 501]);
});

test("what a client may use", () => {
  const names = (credentials: Credentials, unheard: boolean, bindable = false, all = MECHANISMS.map(({ name }) => name)): string[] => usable(MECHANISMS, credentials, all, { unheard, bindable }).map(({ name }) => name);
  const password = { user: "a", password: "b" };
  assert.equal(names(password, true, true), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"]);
  assert.equal(names(password, true), ["SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"]);
  assert.equal(names(password, false), ["SCRAM-SHA-256", "CRAM-MD5"]);
  assert.equal(names({ user: "a", token: "b" }, true), ["OAUTHBEARER", "XOAUTH2"]);
  assert.equal(names({ user: "a", token: "b" }, false), []);
  assert.equal(names(password, true, true, ["XOAUTH2", "LOGIN"]), ["LOGIN"]);
  assert.is(bindingFor(MECHANISMS, BINDING), BINDING);
  assert.is(bindingFor(MECHANISMS.filter(({ binds }) => !binds), BINDING), undefined, "who does not bind does not say that he could");
});

test("random octets, and messages with some octets changed: an outcome, never an exception, and nobody gets in", async () => {
  const below = random(11);
  const everything: Authenticator = { ...BY_TOKEN, password: (user) => (PASSWORDS[user] === undefined ? undefined : "none of them"), scram: (user) => SECRETS.get(user) };
  const messages = ["\0tim\0x", "tim", RFC_7677.first, "p=tls-exporter,,n=user,r=x", RFC_7677.last, `tim ${"0".repeat(32)}`, "n,a=tim,\x01auth=Bearer x\x01\x01", "user=tim\x01auth=Bearer x\x01\x01", ""].map(octets);
  const made = (): string => {
    const message = below(5) === 0 ? Buffer.from(Array.from({ length: below(60) }, () => below(256))) : Buffer.from(messages[below(messages.length)]!);
    for (let changes = below(3); changes > 0 && message.length > 0; changes--) message[below(message.length)] = below(256);
    return message.toString("base64");
  };
  for (let count = 0; count < 4_000; count++) {
    const tried = MECHANISMS[below(MECHANISMS.length)]!;
    const login = new Login(tried, serving(below(2) === 0 ? everything : BY_TOKEN, below(2) === 0 ? BINDING : undefined));
    let step = await login.begin(below(3) === 0 ? undefined : made() || "=");
    while (step.reply.code === 334) step = await login.next(made());
    assert.ok([501, 535].includes(step.reply.code), `${tried.name} ${step.reply.code} ${String(step.error)}`);
  }
  for (let count = 0; count < 2_000; count++) {
    const tried = MECHANISMS[below(MECHANISMS.length)]!;
    const client = tried.client!({ user: "user", secret: "pencil" }, BINDING);
    let step = await client.next();
    for (let rounds = 0; step.done !== true && rounds < 5; rounds++) step = await client.next(Buffer.from(below(3) === 0 ? RFC_7677.challenge : made(), "base64"));
  }
});

test.run();
