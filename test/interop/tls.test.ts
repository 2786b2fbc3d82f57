// TLS with real programs: by STARTTLS and from the first octet on, a certificate that they trust and one that they do not.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CHUNKING } from "../../dist/protocol/index.js";
import { makeCertificate } from "../certificate.js";
import { Front } from "./recorder.js";
import { FROM, ON_THE_WIRE, SENDERS, TLS, TO, type How } from "./senders.js";
import { have, run, testIf } from "./tools.js";

const test = suite("TLS of real programs");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const noOpenssl = have("openssl", "version") ? undefined : "there is no openssl";
const [certificate, other] = noOpenssl === undefined ? ["front.example", "other.example"].map((name) => makeCertificate(folder, name)) : [];
test.after(() => rmSync(folder, { recursive: true }));

async function served(tls: How["tls"], body: (front: Front) => Promise<void>): Promise<void> {
  const front = await Front.open({ certificate: certificate!, implicitTls: tls === "implicit", requireTls: true, extensions: [CHUNKING] });
  try {
    await body(front);
  } finally {
    await front.close();
  }
}

for (const tls of TLS) {
  for (const [name, { missing, send, distrusts }] of Object.entries(SENDERS)) {
    const why = noOpenssl ?? missing();

    testIf(why, test, `${name}: ${tls}`, () => served(tls, async (front) => {
      const { code, said } = await send({ port: front.port, tls, caFile: certificate!.certFile });
      assert.is(code, 0, said);
      const { content, from, to, protocol } = front.message;
      assert.equal({ content, from, to, protocol }, { content: ON_THE_WIRE, from: FROM, to: [TO], protocol: "ESMTPS" });
      assert.is(front.secured.length, 1);
      assert.match(front.secured[0]!.protocol, /^TLSv1\.[23]$/);
    }));

    testIf(why, test, `${name}: ${tls}, a certificate that it does not trust`, () => served(tls, async (front) => {
      const { code, said } = await send({ port: front.port, tls, caFile: other!.certFile });
      assert.is(code, distrusts, said);
      assert.is(front.store.taken.length, 0);
    }));
  }
}

testIf(noOpenssl ?? (have("swaks") ? undefined : "there is no swaks"), test, "swaks in the clear, where TLS is required", () => served("STARTTLS", async (front) => {
  const { code, stdout } = await run("swaks", ["--server", `127.0.0.1:${front.port}`, "--from", FROM, "--to", TO]);
  assert.is(code, 23, stdout); // MAIL was refused
  assert.match(stdout, /<\*\* 530 5\.7\.0 Must issue a STARTTLS command first/);
  assert.equal([front.store.taken, front.secured], [[], []]);
}));

test.run();
