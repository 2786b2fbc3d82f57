// Mail servers as clients of ours: what they ask for, and what they make of what they hear. Postfix makes use of all that is offered
// here but CHUNKING; Exim says BDAT, and nothing of 8-bit text.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SMTPServerOptions } from "../../dist/index.js";
import { BINARYMIME, CHUNKING, DSN } from "../../dist/protocol/index.js";
import { authentication } from "../../dist/transport/index.js";
import { makeCertificate } from "../certificate.js";
import { Recorder } from "./recorder.js";
import { INSTALLABLE, RELAYS, type Fate, type Relay, type Submission, type Way } from "./relays.js";
import { TLS } from "./senders.js";
import { have, testIf } from "./tools.js";

const test = suite("relays");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
chmodSync(folder, 0o755); // for mail servers that have users of their own
const noOpenssl = have("openssl", "version") ? undefined : "there is no openssl";
const [certificate, other] = noOpenssl === undefined ? ["mx.example", "other.example"].map((name) => makeCertificate(folder, name)) : [];
test.after(() => rmSync(folder, { recursive: true }));

const LETTER: Submission = { mail: "FROM:<a@example.com>", rcpts: ["TO:<b@example.org>"], content: "Subject: x\r\n\r\n..dot\r\n" };

/** Behind what the relay has put in front. */
const isLetter = (content: string, letter = ".dot\r\n"): boolean => content.startsWith("Received: ") && content.endsWith(`\r\n\r\n${letter}`);

/** One message, by way of it, to a server of ours. */
async function sent(relay: Relay, options: SMTPServerOptions, way: Omit<Way, "port">, submission: Submission, body: (server: Recorder, fates: readonly Fate[]) => void): Promise<void> {
  const server = new Recorder({ enableSMTPUTF8: true, extensions: [DSN, CHUNKING, BINARYMIME], ...options });
  try {
    body(server, await relay.send({ ...way, port: (await server.listening)[0]![1] as number }, submission));
  } finally {
    await server.close();
  }
}

const PARAMETERS: Submission = {
  mail: "FROM:<josé@example.com> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ+2B1",
  rcpts: ["TO:<b@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2BB@example.org", "TO:<c@example.org> NOTIFY=NEVER", "TO:<用户@例子.example> NOTIFY=FAILURE"],
  content: "Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n\xff\r\n",
};

const [USER, PASSWORD] = ["tim", "tanstaaftanstaaf"];
const LOGINS = authentication({ password: (user) => (user === USER ? PASSWORD : undefined) }, { slowMs: 1 });

for (const [name, kind] of Object.entries(RELAYS)) {
  const why = kind.missing ?? noOpenssl;
  let made: Promise<Relay> | undefined;
  const relay = (): Promise<Relay> => (made ??= kind.make(mkdtempSync(join(folder, name))));

  testIf(why, test, `${name}: DSN, SIZE, 8BITMIME, SMTPUTF8, several recipients, pipelined`, async () => sent(await relay(), {}, {}, PARAMETERS, ({ taken, segments }, fates) => {
    assert.equal(fates.map(({ to, status }) => `${status} ${to}`).sort(), ["sent b@example.org", "sent c@example.org", "sent 用户@例子.example"]);
    const [{ from, to, mail, rcpt, content }] = taken as [Recorder["taken"][number]];
    for (const each of [...(kind.says.BODY ? ["BODY=8BITMIME"] : []), "ENVID=QQ+2B1", "RET=HDRS", "SMTPUTF8", /^SIZE=\d+$/]) assert.ok(mail.some((one) => (typeof each === "string" ? one === each : each.test(one))), `${each}: ${mail}`);
    assert.equal([from, to], ["josé@example.com", ["b@example.org", "c@example.org", "用户@例子.example"]]);
    for (const [nth, each] of ["SUCCESS,DELAY", "NEVER", "FAILURE"].entries()) assert.ok(rcpt[nth]!.includes(`NOTIFY=${each}`), String(rcpt[nth]));
    assert.ok(rcpt[0]!.includes("ORCPT=rfc822;Bob+2BB@example.org"), String(rcpt[0]));
    assert.ok(isLetter(content, "\xff\r\n"), content);
    assert.ok(segments.some((each) => /^MAIL (.*\r\nRCPT ){3}.*\r\n(DATA|BDAT)/.test(each)), segments.join("|"));
    if (kind.says.BDAT) assert.match(segments.join(""), /^BDAT \d+ LAST\r$/m);
  }), INSTALLABLE);

  for (const tls of TLS) {
    for (const trusts of [true, false]) {
      testIf(why, test, `${name}: ${tls}${trusts ? "" : ", a certificate that it does not trust"}`, async () => {
        const options = { certificate: certificate!, implicitTls: tls === "implicit" };
        return sent(await relay(), options, { tls, caFile: (trusts ? certificate! : other!).certFile }, LETTER, ({ taken, secured }, [fate]) => {
          assert.is(fate!.status, trusts ? "sent" : "deferred", fate!.said);
          assert.equal(taken.map(({ content }) => isLetter(content)), trusts ? [true] : []);
          assert.ok(!trusts || secured.length === 1);
        });
      }, INSTALLABLE);
    }
  }

  for (const mechanism of kind.mechanisms) {
    for (const [what, secret] of [["", PASSWORD], [", a wrong secret", `${PASSWORD}x`]] as const) {
      testIf(why ?? kind.noLogin, test, `${name}: AUTH ${mechanism}${what}`, async () => {
        const way = { tls: "STARTTLS", caFile: certificate!.certFile, login: { mechanism, user: USER, secret } } as const;
        return sent(await relay(), { certificate: certificate!, authentication: LOGINS }, way, LETTER, ({ taken, identities, segments }, [fate]) => {
          const letIn = secret === PASSWORD;
          assert.is(fate!.status, letIn ? "sent" : "deferred", fate!.said);
          if (!letIn) assert.match(fate!.said, / 535 5\.7\.8 Authentication credentials invalid|authentication attempt\(s\) failed/);
          assert.is(taken.length, letIn ? 1 : 0);
          assert.equal(identities, letIn ? [{ authenticationId: USER, authorizationId: USER }] : []);
          assert.ok(segments.some((each) => each.startsWith(`AUTH ${mechanism}`)));
        });
      }, INSTALLABLE);
    }
  }
}

test.run();
