// XCLIENT and XFORWARD with those who have made them: swaks and Postfix as clients of ours, Postfix as a server.

import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type MessageOptions, type Peer, type SMTPServerOptions } from "../../dist/index.js";
import { Client as Engine, CLIENT_EXTENSIONS, XCLIENT, type Request } from "../../dist/protocol/index.js";
import { Postfix, type Parameters } from "./accounting/postfix.js";
import { find, quietPort, until } from "./accounting/processes.js";
import { have, run, testIf } from "./tools.js";

const test = suite("XCLIENT");
/** A Postfix writes to the disk, which others may keep busy. */
const PATIENCE_MS = 60_000;
const cleanUp: (() => unknown)[] = [];
const NO_SWAKS = have("swaks") ? undefined : "there is no swaks (Debian's package of that name)";
const NO_POSTFIX = find("postfix") === undefined ? "there is no postfix (Debian's package of that name)" : process.getuid?.() !== 0 ? "only root starts a Postfix" : undefined;

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});

interface Taken { readonly peer: Peer; readonly options: MessageOptions }

class Store extends SMTPServer {
  readonly taken: Taken[] = [];

  override processMessage(peer: Peer, ...[, , , options]: [string, string[], unknown, MessageOptions]): void {
    this.taken.push({ peer, options });
  }
}

async function stored(options: SMTPServerOptions): Promise<{ server: Store; port: number }> {
  const server = new Store(["127.0.0.1", 0], undefined, { hostname: "mx.example", graceMs: 0, ...options });
  cleanUp.unshift(() => server.close());
  return { server, port: (await server.listening)[0]![1] as number };
}

async function postfix(parameters: Parameters): Promise<Postfix> {
  const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  const made = new Postfix(folder, await quietPort());
  made.configure(parameters);
  cleanUp.unshift(() => made.server.kill());
  await made.server.start();
  return made;
}

const swaks = (port: number, ...args: readonly string[]): ReturnType<typeof run> =>
  run("swaks", ["--timeout", "60s", "--server", `127.0.0.1:${port}`, "--helo", "spike.example", "--from", "a@b.example", "--to", "c@d.example", "--data", "Subject: x\n\nhello\n", ...args]);

testIf(NO_SWAKS, test, "swaks says that it is somebody else, in one command and in two", async () => {
  const { server, port } = await stored({ xclient: ["127.0.0.1"] });
  const one = await swaks(port, "--xclient-name", "spike.example", "--xclient-addr", "IPV6:2001:db8::1", "--xclient-port", "4711", "--xclient-login", "ann+tag", "--xclient-destaddr", "192.0.2.25", "--xclient-destport", "587");
  assert.is(one.code, 0, one.stdout);
  assert.equal(server.taken[0]!.peer, { address: "2001:db8::1", port: 4711, localAddress: "192.0.2.25", localPort: 587, proxied: "client", name: "spike.example", user: "ann+tag" });
  const two = await swaks(port, "--xclient-helo", "helo string", "--xclient-proto", "SMTP", "--xclient-delim", "--xclient-name", "[TEMPUNAVAIL]", "--xclient-addr", "192.0.2.1");
  assert.is(two.code, 0, two.stdout);
  assert.is(two.stdout.match(/<-? +220 mx\.example/g)?.length, 3, two.stdout);
  const { localAddress, localPort } = server.taken[1]!.peer;
  assert.equal(server.taken[1]!.peer, { address: "192.0.2.1", port: 0, localAddress, localPort, proxied: "client" });
  assert.equal([localAddress, localPort], ["127.0.0.1", port]);
});

testIf(NO_SWAKS, test, "swaks from a network that nobody has named: it is not offered, and swaks goes", async () => {
  const { server, port } = await stored({ xclient: ["192.0.2.0/24"] });
  const { code, stdout, stderr } = await swaks(port, "--xclient-addr", "192.0.2.1");
  assert.is.not(code, 0);
  assert.match(stdout + stderr, /Host did not advertise XCLIENT/);
  assert.equal(server.taken, []);
});

testIf(NO_POSTFIX ?? NO_SWAKS, test, "Postfix tells us where a message came from", async () => {
  const { server, port } = await stored({ xforward: ["127.0.0.1"] });
  const relay = await postfix({ default_transport: `relay:[127.0.0.1]:${port}`, smtp_send_xforward_command: "yes", defer_transports: "", smtpd_data_restrictions: "", smtpd_authorized_xclient_hosts: "127.0.0.1" });
  const { code, stdout } = await swaks(relay.server.port, "--xclient-name", "bee.example", "--xclient-addr", "127.0.0.7", "--xclient-port", "4711");
  assert.is(code, 0, stdout + relay.log);
  const [, queueId] = /queued as (\w+)/.exec(stdout)!;
  await until(async () => server.taken.length === 1, "it comes", PATIENCE_MS);
  const [{ options, peer }] = server.taken as [Taken];
  assert.is(peer.address, "127.0.0.1");
  assert.equal(options.forwarded, { NAME: "bee.example", ADDR: "127.0.0.7", PORT: 4711, PROTO: "ESMTP", HELO: "spike.example", IDENT: queueId, SOURCE: "REMOTE" });
});

testIf(NO_POSTFIX ?? NO_SWAKS, test, "Postfix logs what our proxy tells it", async () => {
  const upstream = await postfix({ smtpd_authorized_xforward_hosts: "127.0.0.1" });
  const proxy = new PureProxy(["127.0.0.1", 0], ["127.0.0.1", upstream.server.port], { hostname: "proxy.example", xclient: ["127.0.0.1"], allow: ["192.0.2.0/24"], upstream: { xforward: true }, graceMs: 0 });
  cleanUp.unshift(() => proxy.close());
  const port = (await proxy.listening)[0]![1] as number;
  for (const [address, name] of [["192.0.2.7", "bee.example"], ["192.0.2.8", "[UNAVAILABLE]"]] as const) {
    const { code, stdout } = await swaks(port, "--xclient-addr", address, "--xclient-name", name, "--xclient-port", "4711");
    assert.is(code, 0, stdout + upstream.log);
  }
  await until(async () => upstream.log.match(/orig_client=/g)?.length === 2, "it is logged", PATIENCE_MS);
  assert.match(upstream.log, /client=unknown\[127\.0\.0\.1\], orig_client=bee\.example\[192\.0\.2\.7\]/);
  assert.match(upstream.log, /client=unknown\[127\.0\.0\.1\], orig_client=unknown\[192\.0\.2\.8\]/);
});

testIf(NO_POSTFIX, test, "Postfix takes us for somebody else, when our client says so", async () => {
  const upstream = await postfix({ smtpd_authorized_xclient_hosts: "127.0.0.1", smtpd_client_restrictions: "check_client_access inline:{192.0.2.66=REJECT}", smtpd_delay_reject: "no" });
  const { port } = upstream.server;
  const told = await conversed(port, [
    { type: "EHLO", domain: "client.example" },
    { type: "XCLIENT", attributes: { NAME: "spike.example", ADDR: "192.0.2.7", PORT: 4711, HELO: "a+b", PROTO: "ESMTP", LOGIN: "[UNAVAILABLE]" } },
    { type: "EHLO", domain: "spike.example" },
    { type: "MAIL", reversePath: null, parameters: {} },
    { type: "RCPT", forwardPath: { sourceRoute: [], localPart: "c", domain: "d.example" }, parameters: {} },
    { type: "QUIT" },
  ]);
  assert.equal(told, ["connect 220", "EHLO 250", "XCLIENT 220", "EHLO 250", "MAIL 250", "RCPT 554", "QUIT 221"]);
  await until(async () => /RCPT from spike\.example\[192\.0\.2\.7\]: 554 5\.7\.1 /.test(upstream.log), "it is logged", PATIENCE_MS);
  assert.equal((await conversed(port, [{ type: "EHLO", domain: "x" }, { type: "XCLIENT", attributes: { ADDR: "192.0.2.66" } }, { type: "QUIT" }])).slice(1, 3), ["EHLO 250", "XCLIENT 554"]);
});

/** Says one command after the other with the engine's client. What each was answered. */
async function conversed(port: number, commands: readonly Request[]): Promise<string[]> {
  const engine = new Engine({ extensions: [...CLIENT_EXTENSIONS, XCLIENT] });
  const socket = connect(port, "127.0.0.1");
  const told: string[] = [];
  const left = [...commands];
  const pump = (): void => {
    for (let step = engine.next(); step.type !== "need-input"; step = engine.next()) {
      if (step.type === "output") socket.write(step.octets);
      if (step.type === "handshake" || step.type === "close") return void socket.destroy();
      if (step.type !== "reply") continue;
      told.push(`${step.to.type} ${step.reply.code}`);
      if (left.length > 0) engine.send(left.shift()!);
    }
  };
  socket.on("data", (octets) => (engine.receive(octets), pump())).on("end", () => (engine.ended(), pump()));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
  return told;
}

test.run();
