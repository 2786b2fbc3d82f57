// Postfix as a client of ours. Its smtp(8) makes use of all that is offered here but CHUNKING: it takes BDAT, and says DATA.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SMTPServerOptions } from "../../dist/index.js";
import { BINARYMIME, CHUNKING, DSN } from "../../dist/protocol/index.js";
import { authentication, MECHANISMS } from "../../dist/transport/index.js";
import type { Parameters } from "./accounting/postfix.js";
import { makeCertificate } from "./certificate.js";
import { Recorder } from "./recorder.js";
import { noPostfix, postfixInstallable, Relay, type Fate, type Submission } from "./relay.js";
import { have, testIf } from "./tools.js";

const test = suite("Postfix sends");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const why = noPostfix ?? (have("openssl", "version") ? undefined : "there is no openssl");
const [certificate, other] = why === undefined ? ["mx.example", "other.example"].map((name) => makeCertificate(folder, name)) : [];
const relay = why === undefined ? await Relay.make() : undefined;
test.after(() => (relay?.remove(), rmSync(folder, { recursive: true })));

const TAKEN = /^250 2\.0\.0 Message accepted$/;
const UNVERIFIED = /^Server certificate not (?:trusted|verified)$/;
const LETTER: Submission = { mail: "FROM:<a@example.com>", rcpts: ["TO:<b@example.org>"], content: "Subject: x\r\n\r\n..dot\r\n" };

async function sent(options: SMTPServerOptions, parameters: Parameters, submission: Submission, body: (server: Recorder, fates: readonly Fate[]) => void): Promise<void> {
  const server = new Recorder({ enableSMTPUTF8: true, extensions: [DSN, CHUNKING, BINARYMIME], ...options });
  try {
    const port = (await server.listening)[0]![1] as number;
    body(server, await relay!.send(`relay:[127.0.0.1]:${port}`, parameters, submission));
  } finally {
    await server.close();
  }
}

/** What Postfix has put in front is not ours. */
const isLetter = (content: string, letter = ".dot\r\n"): boolean => content.startsWith("Received: ") && content.endsWith(`\r\n\r\n${letter}`);

testIf(why, test, "DSN, SIZE, 8BITMIME, SMTPUTF8, several recipients: in one segment", () => {
  const submission = {
    mail: "FROM:<josé@example.com> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1",
    rcpts: ["TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BB@example.org", "TO:<c@example.org> NOTIFY=NEVER", "TO:<用户@例子.example> NOTIFY=FAILURE"],
    content: "Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n\xff\r\n",
  };
  return sent({}, {}, submission, ({ taken: [message], segments }, fates) => {
    assert.equal(fates.map(({ to, status }) => `${status} ${to}`), ["sent b@example.org", "sent c@example.org", "sent 用户@例子.example"]);
    const [size, ...mail] = message!.mail;
    assert.match(size!, /^SIZE=\d+$/);
    assert.equal(mail.sort(), ["BODY=8BITMIME", "ENVID=QQ+2B1", "RET=HDRS", "SMTPUTF8"]);
    assert.equal([message!.from, message!.to], ["josé@example.com", ["b@example.org", "c@example.org", "用户@例子.example"]]);
    assert.equal(message!.rcpt.map((each) => [...each].sort()), [
      ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Bob+2BB@example.org"],
      ["NOTIFY=NEVER", "ORCPT=rfc822;c@example.org"],
      ["NOTIFY=FAILURE", "ORCPT=rfc822;+E7+94+A8+E6+88+B7@+E4+BE+8B+E5+AD+90.example"],
    ]);
    assert.ok(isLetter(message!.content, "\xff\r\n"), message!.content);
    assert.ok(segments.some((each) => /^MAIL (.*\r\nRCPT ){3}.*\r\nDATA\r\n$/.test(each)), segments.join("|"));
  });
}, postfixInstallable);

interface Secure { readonly options: SMTPServerOptions; readonly parameters: Parameters; readonly fate: RegExp }

const trusting = (file: string): Parameters => ({ smtp_tls_security_level: "secure", smtp_tls_CAfile: file, smtp_tls_secure_cert_match: "mx.example" });
const SECURE: { readonly [name: string]: () => Secure } = {
  "STARTTLS": () => ({ options: {}, parameters: trusting(certificate!.certFile), fate: TAKEN }),
  "TLS from the first octet on": () => ({ options: { implicitTls: true }, parameters: { ...trusting(certificate!.certFile), smtp_tls_wrappermode: "yes" }, fate: TAKEN }),
  "a certificate that it does not trust": () => ({ options: {}, parameters: trusting(other!.certFile), fate: UNVERIFIED }),
  "a certificate for another name": () => ({ options: {}, parameters: { ...trusting(certificate!.certFile), smtp_tls_secure_cert_match: "other.example" }, fate: UNVERIFIED }),
};

for (const [name, row] of Object.entries(SECURE)) {
  testIf(why, test, name, () => {
    const { options, parameters, fate } = row();
    return sent({ certificate: certificate!, ...options }, parameters, LETTER, ({ taken, secured }, [first]) => {
      assert.match(first!.said, fate);
      assert.equal(taken.map(({ content }) => isLetter(content)), fate === TAKEN ? [true] : []);
      assert.is(secured.length, 1);
    });
  }, postfixInstallable);
}

const [USER, PASSWORD] = ["tim", "tanstaaftanstaaf"];

for (const mechanism of ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"]) {
  for (const [what, secret, status] of [["the right secret", PASSWORD, "sent"], ["a wrong one", `${PASSWORD}x`, "deferred"]] as const) {
    testIf(why, test, `AUTH ${mechanism}, ${what}`, () => {
      const logins = authentication({ password: (user) => (user === USER ? PASSWORD : undefined) }, { mechanisms: MECHANISMS, slowMs: 1 });
      const login = { smtp_sasl_auth_enable: "yes", smtp_sasl_password_maps: `static:${USER}:${secret}`, smtp_sasl_mechanism_filter: mechanism, smtp_sasl_tls_security_options: "noanonymous" };
      return sent({ certificate: certificate!, authentication: logins }, { ...trusting(certificate!.certFile), ...login }, LETTER, ({ taken, identities, segments }, [first]) => {
        assert.is(first!.status, status, first!.said);
        if (status === "deferred") assert.match(first!.said, /said: 535 5\.7\.8 Authentication credentials invalid/);
        assert.is(taken.length, status === "sent" ? 1 : 0);
        assert.equal(identities, status === "sent" ? [{ authenticationId: USER, authorizationId: USER }] : []);
        assert.ok(segments.some((each) => each.startsWith(`AUTH ${mechanism}`)));
      });
    }, postfixInstallable);
  }
}

test.run();
