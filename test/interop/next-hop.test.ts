// Postfix as our next hop: what PureProxy hands on to it over TLS, how it is logged in to (Cyrus SASL is behind that), and what it says
// to chunks.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy } from "../../dist/index.js";
import { type Client as Sender, type Path } from "../../dist/protocol/index.js";
import { MECHANISMS, type UpstreamOptions } from "../../dist/transport/index.js";
import { Client } from "../client.js";
import { NO_SUCH_USER, Postfix, REFUSED_SUBJECT, TRY_LATER, type Parameters } from "./accounting/postfix.js";
import { find, quietPort } from "./accounting/processes.js";
import { makeCertificate } from "../certificate.js";
import { Engine } from "./engine.js";
import { INSTALLABLE, noSasl, RELAYS } from "./relays.js";
import { have, testIf } from "./tools.js";

const test = suite("next hop");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
chmodSync(folder, 0o755); // Postfix has a user of its own
const { missing } = RELAYS["Postfix"]!;
const why = missing ?? (have("openssl", "version") ? undefined : "there is no openssl");
const [certificate, other] = why === undefined ? ["upstream.test", "other.test"].map((name) => makeCertificate(folder, name)) : [];
const postfix = why === undefined ? new Postfix(folder, await quietPort()) : undefined;
test.after(() => rmSync(folder, { recursive: true }));

async function running(parameters: Parameters, body: (postfix: Postfix) => Promise<void>): Promise<void> {
  postfix!.configure(parameters);
  try {
    await postfix!.server.start();
    await body(postfix!);
  } finally {
    await postfix!.server.kill();
  }
}

const overTls = (): Parameters => ({ smtpd_tls_security_level: "encrypt", smtpd_tls_cert_file: certificate!.certFile, smtpd_tls_key_file: certificate!.keyFile, smtpd_tls_received_header: "yes" });

/** A client of a proxy in front of it. */
async function proxied(options: UpstreamOptions, body: (client: Client) => Promise<void>): Promise<void> {
  const proxy = new PureProxy(["127.0.0.1", 0], ["127.0.0.1", postfix!.server.port], {
    hostname: "proxy.example", log: () => {}, graceMs: 0, upstream: { starttls: "required", tls: { ca: certificate!.cert }, ...options },
  });
  try {
    const client = await Client.connect((await proxy.listening)[0]!);
    await client.say("EHLO client.example");
    await body(client);
    client.end();
  } finally {
    await proxy.close();
  }
}

testIf(why, test, "STARTTLS: a message with all its parameters; refusals", () => running(overTls(), () => proxied({}, async (client) => {
  assert.match(client.received, /^250-SIZE 20480000\r\n/m);
  assert.match(client.received, /^250[- ]DSN\r\n/m);
  assert.match(client.received, /^250[- ]SMTPUTF8\r\n/m);
  const dialogue: readonly (readonly [string, RegExp])[] = [
    ["MAIL FROM:<josé@example.com> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1", /^250 2\.1\.0 Ok\r\n$/],
    ["RCPT TO:<用户@例子.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BB@example.org", /^250 2\.1\.5 Ok\r\n$/],
    [`RCPT TO:<${NO_SUCH_USER}@example.org>`, /^550 5\.1\.1 .* no such user\r\n$/],
    [`RCPT TO:<${TRY_LATER}@example.org>`, /^450 4\.2\.1 .* try later\r\n$/],
    ["DATA", /^354 /],
    ["Subject: grüße\r\n\r\n..dot\r\n.", /^250 2\.0\.0 Ok: queued as /],
    ["MAIL FROM:<a@example.com> SIZE=20480001", /^552 5\.3\.4 /],
    ["MAIL FROM:<a@example.com>", /^250 2\.1\.0 /],
    ["RCPT TO:<b@example.org>", /^250 2\.1\.5 /],
    ["DATA", /^354 /],
    [`Subject: ${REFUSED_SUBJECT}\r\n\r\nx\r\n.`, /^550 5\.7\.1 not with this subject\r\n$/],
  ];
  for (const [line, expected] of dialogue) assert.match(await client.say(line), expected, line);
  const stored = postfix!.stored();
  assert.is(stored.length, 1);
  const { recipients, content, envelope } = stored[0]!;
  assert.equal(recipients.map(utf8), ["用户@例子.example"]);
  assert.match(content, /^Received: from proxy\.example [^]*\n\t\(using TLSv1\.[23] with cipher [^]*\nReceived: from client\.example [^]*with UTF8SMTP;[^]*\n\n\.dot\n/);
  for (const record of ["sender: josé@example.com", "named_attribute: envelope_id=QQ+1", "named_attribute: ret_flags=2", "named_attribute: notify_flags=10", "named_attribute: dsn_orig_rcpt=rfc822;Bob+B@example.org"]) {
    assert.ok(utf8(envelope).includes(record), `${record} in ${envelope}`);
  }
})), INSTALLABLE);

testIf(why, test, "a certificate that is not trusted: 451, and nothing is handed over", () => running(overTls(), () => proxied({ tls: { ca: other!.cert } }, async (client) => {
  assert.match(await client.say("MAIL FROM:<a@example.com>"), /^451 4\.7\.5 .*no TLS \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
  assert.equal(postfix!.stored(), []);
})), INSTALLABLE);

const [USER, PASSWORD] = ["tim", "tanstaaftanstaaf"];

/** Its users are those in a file of ours. Debian's reads its configuration from there, whatever it is told. */
function withUsers(): Parameters {
  const users = join(folder, "sasldb2");
  execFileSync(find("saslpasswd2")!, ["-p", "-c", "-f", users, "-u", "upstream.test", USER], { input: PASSWORD });
  chownSync(users, statSync(join(folder, "postfix", "data")).uid, 0);
  const config = join(folder, "postfix", "etc", "sasl");
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "smtpd.conf"), `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${users}\nmech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n`);
  return { ...overTls(), smtpd_sasl_auth_enable: "yes", smtpd_sasl_local_domain: "upstream.test", smtpd_tls_auth_only: "yes", cyrus_sasl_config_path: config, smtpd_sasl_authenticated_header: "yes" };
}

for (const name of ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]) {
  testIf(why ?? noSasl, test, `AUTH ${name}`, () => running(withUsers(), async () => {
    const mechanisms = MECHANISMS.filter((each) => each.name === name);
    await proxied({ auth: { user: USER, password: `${PASSWORD}x` }, mechanisms }, async (client) => {
      assert.match(await client.say("MAIL FROM:<a@example.com>"), /^451 4\.7\.8 .*we could not log in/);
    });
    await proxied({ auth: { user: USER, password: PASSWORD }, mechanisms }, async (client) => {
      for (const line of ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.org>"]) assert.match(await client.say(line), /^250/);
      assert.match(await client.say("DATA"), /^354/);
      assert.match(await client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
    });
    const [stored, ...more] = postfix!.stored();
    assert.equal(more, []);
    assert.match(stored!.content, /\(Authenticated sender: tim@upstream\.test\)/);
    assert.match(stored!.envelope, new RegExp(`named_attribute: sasl_method=${name}\\n`));
  }), INSTALLABLE);
}

const path = (localPart: string): Path => ({ sourceRoute: [], localPart, domain: "example.org" });
const mail = (client: Sender): void => client.send({ type: "MAIL", reversePath: path("a"), parameters: { BODY: "8BITMIME" } });
const rcpt = (localPart: string) => (client: Sender): void => client.send({ type: "RCPT", forwardPath: path(localPart), parameters: {} });
const chunk = (text: string, last = false) => (client: Sender): void => client.chunk(Buffer.from(text, "latin1"), last);

testIf(why, test, "BDAT: chunks are pipelined, and are the message; a refused one ends it", () => running({}, async ({ server }) => {
  const engine = await Engine.greet(server.port);
  assert.ok(engine.client.offers!.has("CHUNKING"));
  const said = await engine.say(mail, rcpt("b"), chunk("Subject: x\r\n\r\n.do"), chunk("t\r\ncaf\xe9\r\n.\r\n"), chunk("", true));
  assert.equal(said.map((each) => each.slice(0, 9)), ["250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0", "250 2.0.0"]);
  assert.match((await engine.say(mail, rcpt("b"), chunk(`Subject: ${REFUSED_SUBJECT}\r\n\r\nx\r\n`, true))).at(-1)!, /^550 5\.7\.1 not with this subject/);
  const refused = await engine.say(mail, rcpt(NO_SUCH_USER), chunk("Subject: x\r\n"), chunk("\r\nx\r\n", true));
  assert.match(refused[1]!, /^550 5\.1\.1/);
  for (const each of refused.slice(2)) assert.match(each, /^5\d\d 5\./);
  assert.match((await engine.say((client) => client.send({ type: "RSET" })))[0]!, /^250/);
  engine.end();
  const [stored, ...more] = postfix!.stored();
  assert.equal(more, []);
  assert.ok(stored!.content.endsWith("Subject: x\n\n.dot\ncaf\xe9\n.\n"), stored!.content);
}), INSTALLABLE);

function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString();
}

test.run();
