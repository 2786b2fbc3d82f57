// nodemailer, for what it has besides: DSN, PIPELINING, REQUIRETLS, LMTP, connections that are kept.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Peer, Session, SMTPServerOptions } from "../../dist/index.js";
import { DSN, REQUIRE_TLS } from "../../dist/protocol/index.js";
import { makeCertificate } from "../certificate.js";
import { Recorder } from "./recorder.js";
import { nodemailer, noNodemailer, type Transport } from "./senders.js";
import { have, testIf } from "./tools.js";

const test = suite("nodemailer");
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const why = noNodemailer();
test.after(() => rmSync(folder, { recursive: true }));

/** Refuses some, and tells with LMTP what each of the others gets. */
class Choosy extends Recorder {
  override session(peer: Peer): Session {
    return { ...super.session(peer), RCPT: ({ forwardPath }) => (forwardPath.localPart === "nobody" ? "550 5.1.1 No such user" : undefined) };
  }

  override processMessage(...args: Parameters<Recorder["processMessage"]>): ReturnType<Recorder["processMessage"]> {
    const taken = super.processMessage(...args);
    return this.options.lmtp === true ? args[2].map((to) => (to.startsWith("full@") ? "452 4.2.2 The mailbox is full" : "250 2.1.5 Delivered")) : taken;
  }
}

async function served(options: SMTPServerOptions, how: object, body: (transport: Transport, server: Recorder) => Promise<void>): Promise<void> {
  const server = new Choosy({ enableSMTPUTF8: true, ...options });
  const transport = nodemailer({ port: (await server.listening)[0]![1], ...how });
  try {
    await body(transport, server);
  } finally {
    transport.close();
    await server.close();
  }
}

const to = ["b@example.org", "nobody@example.org", "jürgen@example.org"];

testIf(why, test, "DSN, SMTPUTF8, 8BITMIME and SIZE, in one segment", () => served({ extensions: [DSN] }, { ignoreTLS: true }, async (transport, server) => {
  const dsn = { id: "some id", return: "headers", notify: ["success", "delay"], recipient: "a+b@example.com" };
  const { accepted, rejected, response } = await transport.sendMail({ envelope: { from: "a@example.com", to, dsn, use8BitMime: true, size: 123 }, raw: "Subject: grüße\r\n\r\n.dot\r\n" });
  assert.equal([accepted, rejected, response], [[to[0], to[2]], [to[1]], "250 2.0.0 Message accepted"]);
  const rcpt = ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;a+2Bb@example.com"];
  assert.equal(server.taken, [{
    from: "a@example.com", to: [to[0], to[2]], mail: ["SMTPUTF8", "BODY=8BITMIME", "SIZE=123", "RET=HDRS", "ENVID=some+20id"], rcpt: [rcpt, rcpt], content: Buffer.from("Subject: grüße\r\n\r\n.dot\r\n").toString("latin1"),
  }]);
  assert.ok(server.segments.some((each) => /^MAIL (.*\r\nRCPT ){3}.*\r\nDATA\r\n$/.test(each)), server.segments.join("|"));
}));

testIf(why, test, "pipelined, and nobody is accepted: no message, and the connection is of use for the next", () => served({}, { ignoreTLS: true, pool: true, maxConnections: 1 }, async (transport, server) => {
  const error = await transport.sendMail({ envelope: { from: "a@example.com", to: [to[1]] }, raw: "x" }).then(() => undefined, (error: { readonly code: string }) => error);
  assert.is(error?.code, "EENVELOPE");
  for (let nth = 0; nth < 3; nth++) await transport.sendMail({ envelope: { from: "a@example.com", to: [to[0]] }, raw: `Subject: ${nth}\r\n` });
  assert.equal(server.taken.map(({ content }) => content), ["Subject: 0\r\n", "Subject: 1\r\n", "Subject: 2\r\n"]);
  assert.is(server.segments.filter((each) => each.startsWith("EHLO")).length, 1);
}));

testIf(why ?? (have("openssl", "version") ? undefined : "there is no openssl"), test, "REQUIRETLS, once TLS is there", () => {
  const certificate = makeCertificate(folder, "mx.example");
  return served({ extensions: [REQUIRE_TLS], certificate }, { requireTLS: true, tls: { ca: certificate.cert } }, async (transport, server) => {
    await transport.sendMail({ envelope: { from: "a@example.com", to: [to[0]] }, raw: "x", requireTLSExtensionEnabled: true });
    assert.equal(server.taken.map(({ mail }) => mail), [["REQUIRETLS"]]);
  });
});

testIf(why, test, "LMTP: a reply for each recipient", () => served({ lmtp: true }, { lmtp: true, ignoreTLS: true }, async (transport, server) => {
  const { accepted, rejected } = await transport.sendMail({ envelope: { from: "a@example.com", to: ["b@example.org", "nobody@example.org", "full@example.org", "c@example.org"] }, raw: "x" });
  assert.equal([accepted, rejected], [["b@example.org", "c@example.org"], ["nobody@example.org", "full@example.org"]]);
  assert.is(server.taken.length, 1);
}));

test.run();
