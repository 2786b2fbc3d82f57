// The PROXY protocol with those who speak it: HAProxy in front of a server of ours and behind a proxy of ours, Postfix behind one, swaks.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Address, type NextHop, type Peer, type Session, type SMTPServerOptions } from "../../dist/index.js";
import { Client, eventually, freePort } from "../client.js";
import { Postfix } from "./accounting/postfix.js";
import { find, Server } from "./accounting/processes.js";
import { have, run, testIf } from "./tools.js";

const test = suite("PROXY protocol with others");
const VERSIONS = [1, 2] as const;
const LOOPBACK = ["127.0.0.0/8"];
const noHaproxy = find("haproxy") !== undefined ? undefined : "there is no haproxy (Debian's package of that name)";
const noSwaks = have("swaks") ? undefined : "there is no swaks (Debian's package of that name)";
const noPostfix = find("postfix") === undefined ? "there is no postfix (Debian's package of that name)" : process.getuid?.() === 0 ? undefined : "only root starts a Postfix";

let folder = "";
const cleanUp: (() => unknown)[] = [];

test.before.each(() => void (folder = mkdtempSync(join(tmpdir(), "smtpd-"))));
test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
  rmSync(folder, { recursive: true });
});

class Seeing extends SMTPServer {
  readonly peers: Peer[] = [];
  readonly messages: string[] = [];

  override session(peer: Peer): Session {
    this.peers.push(peer);
    return super.session(peer);
  }

  override processMessage(peer: Peer, ...[, , data]: [string, string[], Uint8Array | string]): void {
    this.messages.push(`${peer.address}:${peer.port} ${Buffer.from(data as Uint8Array).toString()}`);
  }
}

async function served(options: SMTPServerOptions = {}): Promise<{ server: Seeing; port: number; log: string[] }> {
  const log: string[] = [];
  const server = new Seeing(["127.0.0.1", 0], undefined, { proxyProtocol: LOOPBACK, log: (line) => log.push(line), graceMs: 0, ...options });
  cleanUp.unshift(() => server.close());
  return { server, port: (await server.listening)[0]![1] as number, log };
}

async function relaying(to: NextHop, proxyProtocol: 1 | 2): Promise<Address> {
  const proxy = new PureProxy(["127.0.0.1", 0], to, { log: () => {}, graceMs: 0, upstream: { proxyProtocol } });
  cleanUp.unshift(() => proxy.close());
  return (await proxy.listening)[0]!;
}

/** A HAProxy of our own, from a port to a port. */
async function haproxy(to: number, bind: string, server: string, options = ""): Promise<Address> {
  const port = await freePort();
  const config = join(folder, `haproxy-${port}.cfg`);
  const times = ["connect", "client", "server", "check"].map((each) => `  timeout ${each} 10s\n`).join("");
  writeFileSync(config, `defaults\n  mode tcp\n${times}${options}listen mail\n  bind 127.0.0.1:${port} ${bind}\n  server next 127.0.0.1:${to} ${server}\n`);
  const running = new Server(port, [find("haproxy")!, "-db", "-f", config], folder);
  cleanUp.unshift(() => running.kill());
  await running.start();
  return ["127.0.0.1", port];
}

async function clientOf(address: Address, localAddress: string): Promise<Client> {
  const client = await Client.connect(address, { localAddress });
  cleanUp.unshift(() => client.end());
  return client;
}

for (const [version, option] of [[1, "send-proxy"], [2, "send-proxy-v2"]] as const) {
  testIf(noHaproxy, test, `HAProxy in front of ours, version ${version}`, async () => {
    const { server, port, log } = await served();
    const address = await haproxy(port, "", option);
    const client = await clientOf(address, "127.0.0.7");
    assert.match(await client.deliver("Subject: hello"), /^250/);
    const { localPort } = client.socket;
    assert.equal(server.peers.filter(({ address: ip }) => ip === "127.0.0.7"), [{ address: "127.0.0.7", port: localPort, localAddress: "127.0.0.1", localPort: address[1], proxied: "client" }]);
    assert.equal(server.messages, [`127.0.0.7:${localPort} Subject: hello\r\n`]);
    assert.equal(log, []);
  });

  const checking = version === 1 ? "client" : "unknown"; // in version 1 it tells its own address
  testIf(noHaproxy, test, `HAProxy's checks of ours, version ${version}: its own`, async () => {
    const { server, port, log } = await served();
    await haproxy(port, "", `check inter 100ms ${option}`, "  option smtpchk EHLO check.example\n");
    await eventually(() => server.peers.filter(({ proxied }) => proxied === checking).length > 2, "it asks");
    assert.ok(server.peers.every(({ address }) => address === "127.0.0.1"), JSON.stringify(server.peers));
    assert.equal(log, []);
  });

  testIf(noHaproxy, test, `HAProxy behind ours, version ${version}, in front of another of ours`, async () => {
    const { server, port } = await served();
    const hop = await haproxy(port, "accept-proxy", option);
    for (const [nth, ours] of VERSIONS.entries()) {
      const client = await clientOf(await relaying(hop as NextHop, ours), "127.0.0.8");
      assert.match(await client.deliver("Subject: hello"), /^250/);
      assert.match(server.messages.pop()!, new RegExp(`^127\\.0\\.0\\.8:${client.socket.localPort} Received: from client\\.example \\(\\[127\\.0\\.0\\.8\\]\\)\r\n[^]*\r\nSubject: hello\r\n$`));
      assert.is(server.peers.filter(({ address }) => address === "127.0.0.8").length, nth + 1, "a connection for each message");
    }
  });
}

for (const version of VERSIONS) {
  testIf(noPostfix, test, `Postfix behind ours, version ${version}`, async () => {
    const postfix = new Postfix(folder, await freePort());
    postfix.configure({ smtpd_upstream_proxy_protocol: "haproxy" });
    cleanUp.unshift(() => postfix.server.kill());
    await postfix.server.start();
    const client = await clientOf(await relaying(["127.0.0.1", postfix.server.port], version), "127.0.0.9");
    assert.match(await client.deliver("Subject: hello"), /^250/);
    assert.match(postfix.stored()[0]!.content, /^Received: from .*\[127\.0\.0\.9\]\)\n\tby upstream\.test /m);
  }, find("postfix") === undefined);

  const told = version === 1 ? ["--proxy-family", "TCP6"] : ["--proxy-family", "AF_INET6", "--proxy-protocol", "STREAM", "--proxy-command", "PROXY"];
  testIf(noSwaks, test, `swaks, version ${version}`, async () => {
    const { server, port } = await served();
    const args = ["--proxy-version", `${version}`, ...told, "--proxy-source", "2001:db8::7", "--proxy-source-port", "4711", "--proxy-dest", "2001:db8::9", "--proxy-dest-port", "25"];
    const { code, stdout, stderr } = await run("swaks", [...args, "--server", `127.0.0.1:${port}`, "--from", "a@example.com", "--to", "b@example.org"]);
    assert.is(code, 0, stdout + stderr);
    assert.equal(server.peers, [{ address: "2001:db8::7", port: 4711, localAddress: "2001:db8::9", localPort: 25, proxied: "client" }]);
    assert.is(server.messages.length, 1);
  });
}

testIf(noSwaks, test, "swaks, with a header that is none, and with none at all", async () => {
  const { server, port } = await served();
  for (const args of [["--proxy", "TCP4 127.0.0.1"], []]) {
    const { code, stdout } = await run("swaks", [...args, "--timeout", "1", "--server", `127.0.0.1:${port}`, "--from", "a@example.com", "--to", "b@example.org"]);
    assert.is.not(code, 0, stdout);
  }
  assert.equal(server.peers, []);
});

test.run();
