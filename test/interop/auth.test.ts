// AUTH with real programs, over TLS: each mechanism that each of them has, with the right secret and with a wrong one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { authentication, MECHANISMS, type Authenticator } from "../../dist/transport/index.js";
import { makeCertificate } from "../certificate.js";
import { Front } from "./recorder.js";
import { BY_TOKEN, ON_THE_WIRE, SENDERS } from "./senders.js";
import { have, run, testIf } from "./tools.js";

const test = suite("AUTH of real programs");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const noOpenssl = have("openssl", "version") ? undefined : "there is no openssl";
const certificate = noOpenssl === undefined ? makeCertificate(folder, "front.example") : undefined;
test.after(() => rmSync(folder, { recursive: true }));

const [USER, PASSWORD, TOKEN] = ["tim", "tanstaaf, tanstaaf", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"];
const OTHER = { user: "jürgen", secret: "grüße, 你好" };
const AUTHENTICATOR: Authenticator = {
  password: (user) => ({ [USER]: PASSWORD, [OTHER.user]: OTHER.secret })[user],
  token: (user, token) => user === USER && token === TOKEN,
  mayActAs: (user, other) => user === USER && other === "ann",
};

/** curl takes OAUTHBEARER wherever it is offered, so it is offered where it is wanted. */
async function served(mechanism: string, body: (front: Front) => Promise<void>, implicitTls = false): Promise<void> {
  const mechanisms = MECHANISMS.filter(({ name }) => name !== "OAUTHBEARER" || name === mechanism);
  const front = await Front.open({ certificate: certificate!, implicitTls, authentication: authentication(AUTHENTICATOR, { mechanisms, slowMs: 1 }) });
  try {
    await body(front);
  } finally {
    await front.close();
  }
}

for (const [name, { missing, mechanisms, send, notLetIn }] of Object.entries(SENDERS)) {
  const why = noOpenssl ?? missing();
  for (const mechanism of mechanisms) {
    const right = BY_TOKEN.includes(mechanism) ? TOKEN : PASSWORD;
    const how = (front: Front, secret: string): Parameters<typeof send>[0] =>
      ({ port: front.port, tls: "STARTTLS", caFile: certificate!.certFile, login: { mechanism, user: USER, secret } });

    testIf(why, test, `${name}: ${mechanism}`, () => served(mechanism, async (front) => {
      const { code, said } = await send(how(front, right));
      assert.is(code, 0, said);
      assert.equal(front.identities, [{ authenticationId: USER, authorizationId: USER }]);
      assert.equal([front.message.content, front.message.protocol], [ON_THE_WIRE, "ESMTPSA"]);
      assert.is(front.asked, mechanism);
    }));

    testIf(why, test, `${name}: ${mechanism}, a wrong secret`, () => served(mechanism, async (front) => {
      const { code, said } = await send(how(front, `${right}x`));
      assert.is(code, notLetIn, said);
      assert.equal([front.identities, front.store.taken], [[], []]);
      assert.is(front.asked, mechanism);
    }));
  }
}

for (const [name, mechanism] of [["swaks", "CRAM-MD5"], ["curl", "PLAIN"], ["msmtp", "SCRAM-SHA-256"], ["nodemailer", "LOGIN"]] as const) {
  const { missing, send } = SENDERS[name]!;
  testIf(noOpenssl ?? missing(), test, `${name}: ${mechanism}, a user and a password that are not ASCII`, () => served(mechanism, async (front) => {
    const { code, said } = await send({ port: front.port, tls: "implicit", caFile: certificate!.certFile, login: { mechanism, ...OTHER } });
    assert.is(code, 0, said);
    assert.equal(front.identities, [{ authenticationId: OTHER.user, authorizationId: OTHER.user }]);
  }, true));
}

testIf(noOpenssl ?? (have("curl") ? undefined : "there is no curl"), test, "curl speaks for somebody else, where that may be", () => served("PLAIN", async (front) => {
  for (const [other, code] of [["ann", 0], ["bob", 67]] as const) {
    const args = ["-sS", "--crlf", "--ssl-reqd", "--cacert", certificate!.certFile, "--sasl-authzid", other, "--user", `${USER}:${PASSWORD}`, "--login-options", "AUTH=PLAIN"];
    const ended = await run("curl", [...args, `smtp://127.0.0.1:${front.port}`, "--mail-from", "a@b.example", "--mail-rcpt", "c@d.example", "--upload-file", "-"], "Subject: x\n\nx\n");
    assert.is(ended.code, code, ended.stderr);
  }
  assert.equal(front.identities, [{ authenticationId: USER, authorizationId: "ann" }]);
  assert.is(front.store.taken.length, 1);
}));

test.run();
