// AUTH at a server, over real sockets: who is let in, who is not, and what that changes.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Address, type Peer, type Session, type SMTPServerOptions } from "../../dist/index.js";
import { authentication, type AuthenticationOptions, type Authenticator, type Identity } from "../../dist/transport/index.js";
import { Client, eventually } from "../client.js";
import { Dialogue } from "../../dist/dialogue.js";
import { Scripted } from "../scripted.js";

const test = suite("authentication");
const cleanUp: (() => unknown)[] = [];

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

const USERS: Authenticator = { password: (user) => ({ tim: "tanstaaftanstaaf", ann: "pässword" })[user] };
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (user: string, password: string): string => base64(`\0${user}\0${password}`);
const IN_CLEAR = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"];

class Seeing extends SMTPServer {
  readonly identities: Identity[] = [];

  override session(peer: Peer): Session {
    return { ...super.session(peer), authenticated: (identity) => void this.identities.push(identity) };
  }

  override processMessage(): void {}
}

interface Served { readonly server: Seeing; readonly address: Address; readonly log: string[] }

async function served(users: Authenticator = USERS, options: AuthenticationOptions = { inClear: IN_CLEAR }, more: SMTPServerOptions = {}): Promise<Served> {
  const log: string[] = [];
  const server = new Seeing(["127.0.0.1", 0], undefined, { hostname: "mx.example", authentication: authentication(users, { slowMs: 1, ...options }), log: (line) => log.push(line), graceMs: 0, ...more });
  cleanUp.unshift(() => server.close());
  return { server, address: (await server.listening)[0]!, log };
}

test("offered is what the application can check, and nothing before TLS unless it is named", async () => {
  const offer = async (...args: Parameters<typeof served>): Promise<string | undefined> => {
    const client = await Client.connect((await served(...args)).address);
    cleanUp.unshift(() => client.end());
    return /AUTH (.*)\r\n/.exec(await client.say("EHLO x"))?.[1];
  };
  assert.is(await offer(), "SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5");
  assert.is(await offer({ verify: () => true }), "PLAIN LOGIN");
  assert.is(await offer(USERS, {}), undefined);
  assert.is(await offer({}, { inClear: IN_CLEAR }), undefined);
});

test("of a login that succeeds when its client has gone nobody is told", async () => {
  let decide = (_: boolean): void => {};
  const seen: string[] = [];
  class Closing extends SMTPServer {
    override session(peer: Peer): Session {
      return { ...super.session(peer), authenticated: () => void seen.push("authenticated"), closed: () => void seen.push("closed") };
    }
  }
  const verify = (): Promise<boolean> => new Promise((resolve) => (decide = (yes) => (seen.push("decided"), resolve(yes))));
  const server = new Closing(["127.0.0.1", 0], undefined, { authentication: authentication({ verify }, { inClear: IN_CLEAR }), log: () => {}, graceMs: 0 });
  cleanUp.unshift(() => server.close());
  const client = await Client.connect((await server.listening)[0]!);
  await client.say("EHLO x");
  client.send(`AUTH PLAIN ${plain("ann", "pässword")}\r\n`);
  client.end();
  await eventually(() => seen.includes("closed"), "it is over");
  decide(true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(seen, ["closed", "decided"]);
});

test("somebody who is known is let in, once, and may go on; 535 to others, and no word why", async () => {
  const { server, address } = await served();
  const client = await Client.connect(address);
  await client.say("EHLO x");
  assert.is(await client.say(`AUTH PLAIN ${plain("tim", "wrong")}`), "535 5.7.8 Authentication credentials invalid\r\n");
  assert.is(await client.say(`AUTH PLAIN ${plain("nobody", "wrong")}`), "535 5.7.8 Authentication credentials invalid\r\n");
  assert.is(await client.say(`AUTH PLAIN ${plain("ann", "pässword")}`), "235 2.7.0 Authentication succeeded\r\n");
  assert.equal(server.identities, [{ authenticationId: "ann", authorizationId: "ann" }]);
  assert.match(await client.say("AUTH LOGIN"), /^503/);
  assert.match(await client.say("MAIL FROM:<a@b>"), /^250/);
});

test("three failures are enough", async () => {
  const client = await Client.connect((await served()).address);
  await client.say("EHLO x");
  for (let times = 0; times < 2; times++) assert.match(await client.say(`AUTH PLAIN ${plain("tim", "wrong")}`), /^535/);
  assert.is(await client.say(`AUTH PLAIN ${plain("tim", "tanstaaftanstaaf")}x`), "501 5.5.2 That is no base64\r\n");
  assert.is(await client.say(`AUTH PLAIN ${plain("tim", "wrong")}`), "421 4.7.0 Too many failed logins\r\n");
  await client.closed();
});

test("challenges, cancelled ones, an application that fails", async () => {
  const { address, log } = await served({ password: (user) => (user === "tim" ? "x" : Promise.reject(new Error("the database is gone"))) });
  const client = await Client.connect(address);
  await client.say("EHLO x");
  assert.is(await client.say("AUTH LOGIN"), "334 VXNlcm5hbWU6\r\n");
  assert.is(await client.say("*"), "501 5.7.0 Authentication cancelled\r\n");
  assert.match(await client.say("AUTH LOGIN"), /^334/);
  assert.match(await client.say(base64("tim")), /^334/);
  assert.match(await client.say("not base64!"), /^501 5\.5\.2/);
  assert.match(await client.say(`AUTH PLAIN ${plain("ann", "x")}`), /^454 4\.7\.0/);
  assert.match(log.join(), /AUTH from 127\.0\.0\.1 failed: Error: the database is gone/);
  assert.match(await client.say(`AUTH PLAIN ${plain("tim", "x")}`), /^235/);
});

test("one who has logged in may relay, and the Received line says so", async () => {
  class FromElsewhere extends PureProxy {
    override session(peer: Peer): Session {
      return super.session({ ...peer, address: "192.0.2.1" });
    }
  }
  const upstream = await Scripted.start();
  const proxy = new FromElsewhere(["127.0.0.1", 0], upstream.address, { hostname: "proxy.example", authentication: authentication(USERS, { inClear: IN_CLEAR }), graceMs: 0 });
  cleanUp.push(() => proxy.close(), () => upstream.close());
  const client = await Client.connect((await proxy.listening)[0]!);
  cleanUp.unshift(() => client.end());
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b>");
  assert.match(await client.say("RCPT TO:<c@d>"), /^550 5\.7\.1/);
  await client.say("RSET");
  assert.match(await client.say(`AUTH PLAIN ${plain("tim", "tanstaaftanstaaf")}`), /^235/);
  assert.match(await client.deliver("Subject: x"), /^250/);
  assert.match(upstream.messages[0]!, /with ESMTPA;/);
});

test("credentials are not in the dialogue that -d prints", async () => {
  const lines: string[] = [];
  const dialogue = new Dialogue((line) => lines.push(line));
  const { address } = await served(USERS, { inClear: IN_CLEAR }, { trace: (peer, from, octets) => dialogue.take(peer, "x", from, octets) });
  const client = await Client.connect(address);
  await client.say("EHLO x");
  await client.say(`auth plain ${plain("tim", "tanstaaftanstaaf")}x`);
  await client.say("AUTH LOGIN");
  await client.say(base64("tim"));
  await client.say(base64("tanstaaftanstaaf"));
  await client.say("NOOP visible");
  await eventually(() => lines.some((line) => /NOOP visible/.test(line)), "it is printed");
  assert.not.match(lines.join("\n"), new RegExp([plain("tim", "tanstaaftanstaaf"), base64("tim"), base64("tanstaaftanstaaf")].join("|")));
  assert.match(lines.join("\n"), /x C: auth plain \(credentials\)\n.*\nx C: AUTH LOGIN\n.*\nx C: \(credentials\)\n.*\nx C: \(credentials\)\n/);
});

test.run();
