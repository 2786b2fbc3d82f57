// The command, started as a user starts it.

import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Address } from "../dist/index.js";
import { OPTIONS, usage, type Option } from "../dist/options.js";
import { Client, eventually, freePort, PATIENCE_MS } from "./client.js";
import { have, testIf } from "./interop/tools.js";
import { mapsOf } from "./maps.js";
import { Scripted } from "./scripted.js";

const CLI = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const running: ChildProcess[] = [];

class Command {
  readonly process: ChildProcess;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], stdio: "pipe" | number = "pipe", env: NodeJS.ProcessEnv = {}, [command, ...rest]: readonly string[] = [process.execPath, CLI]) {
    this.process = spawn(command!, [...rest, ...args], { stdio: ["ignore", stdio, "pipe"], env: { ...process.env, ...env } });
    running.push(this.process);
    this.process.stdout?.on("data", (octets: Buffer) => (this.stdout += octets.toString()));
    this.process.stderr!.on("data", (octets: Buffer) => (this.stderr += octets.toString()));
  }

  /** The exit code. */
  async ended(): Promise<number | null> {
    if (this.process.exitCode === null) await once(this.process, "close", { signal: AbortSignal.timeout(PATIENCE_MS) });
    return this.process.exitCode;
  }

  async listening(): Promise<Address> {
    await eventually(() => /listening on/.test(this.stderr) || this.process.exitCode !== null, `it listens: ${this.stderr}`);
    const [, six, four, port] = /listening on (?:\[(\S+)\]|([^\s:]+)):(\d+)/.exec(this.stderr) ?? [];
    assert.ok(port, this.stderr);
    return [(six ?? four)!, Number(port)];
  }

  async connect(): Promise<Client> {
    return Client.connect(await this.listening());
  }
}

const DEBUGGING = ["-n", "-c", "DebuggingServer"];

async function refused(args: readonly string[]): Promise<string> {
  const command = new Command(args);
  assert.is(await command.ended(), 1, `${args.join(" ")}: ${command.stderr}`);
  assert.is(command.stdout, "");
  return command.stderr;
}

test.after.each(() => {
  for (const each of running.splice(0)) if (each.exitCode === null) each.kill("SIGKILL");
});

test("it prints a message, and Ctrl-C ends it cleanly", async () => {
  const command = new Command([...DEBUGGING, "127.0.0.1:0"]);
  const client = await command.connect();
  assert.match(await client.deliver("Subject: hello\r\n\r\n..dot"), /^250/);
  assert.is(command.stdout, "---------- MESSAGE FOLLOWS ----------\nSubject: hello\nX-Peer: 127.0.0.1\n\n.dot\n------------ END MESSAGE ------------\n");
  command.process.kill("SIGINT");
  assert.match(await client.closed(), /421 4.3.2 /);
  assert.is(await command.ended(), 0);
  assert.match(command.stderr, /^smtpd: DebuggingServer listening on 127.0.0.1:\d+\n$/);
});

test("whoever is named may speak for others, and upstream is told of them", async () => {
  const upstream = await Scripted.start({ EHLO: "250-upstream.example\r\n250 XFORWARD ADDR SOURCE", XFORWARD: "250 2.0.0 Ok" });
  const [, port] = upstream.address;
  const proxy = await new Command(["-n", "--xclient", "192.0.2.1", "--xclient", "127.0.0.0/8", "--xforward", "127.0.0.1", "--allow", "192.0.2.0/24", "--xforward-upstream", "127.0.0.1:0", `127.0.0.1:${port}`]).connect();
  assert.match(await proxy.say("EHLO x"), /XCLIENT [^]*XFORWARD /);
  assert.match(await proxy.say("XCLIENT ADDR=192.0.2.7"), /^220/);
  assert.match(await proxy.deliver("x"), /^250/);
  assert.match(upstream.dialogue, /XFORWARD ADDR=192\.0\.2\.7, XFORWARD SOURCE=REMOTE, MAIL /);
  await upstream.close();
  const printer = new Command([...DEBUGGING, "--format", "json", "--xforward", "127.0.0.1", "127.0.0.1:0"]);
  const client = await printer.connect();
  assert.match(await client.say("EHLO x"), /250 XFORWARD /);
  assert.match(await client.say("XFORWARD ADDR=192.0.2.7"), /^250/);
  await client.say("MAIL FROM:<a@b>", "RCPT TO:<c@d>");
  await client.until(/^250 2\.1\.5.*\r\n/m);
  await client.say("DATA");
  await client.say("x", ".");
  assert.equal((JSON.parse(printer.stdout) as { forwarded: unknown }).forwarded, { ADDR: "192.0.2.7" });
});

test("SIGTERM lets a message be finished", async () => {
  const command = new Command([...DEBUGGING, "127.0.0.1:0"]);
  const client = await command.connect();
  await client.upToData();
  command.process.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(await client.say("the end", "."), /^250/);
  assert.match(await client.say("QUIT"), /^221/);
  assert.is(await command.ended(), 0);
  assert.match(command.stdout, /the end/);
});

test("--exit-after", async () => {
  const command = new Command([...DEBUGGING, "--exit-after", "2", "127.0.0.1:0"]);
  const client = await command.connect();
  assert.match(await client.deliver("one"), /^250/);
  assert.match(await client.deliver("two"), /^250/);
  assert.match(await client.say("QUIT"), /^221/);
  assert.is(await command.ended(), 0);
});

test("-d prints the dialogue, who says what, control characters shown", async () => {
  const command = new Command([...DEBUGGING, "-d", "127.0.0.1:0"]);
  const client = await command.connect();
  await client.say("NOOP \x1b[31m");
  await client.say("NOOP grüße");
  client.send("x".repeat(1500));
  await client.say("y");
  await client.say("QUIT");
  await eventually(() => /221/.test(command.stderr), "the last reply is printed");
  const lines = command.stderr.split("\n").slice(1).map((line) => line.replace(/^127\.0\.0\.1:\d+ /, ""));
  assert.match(lines[0]!, /^S: 220 /);
  assert.is(lines[1], "C: NOOP \\x1b[31m");
  assert.is(lines[2], "S: 501 5.5.4 Syntax: NOOP [SP string]");
  assert.is(lines[3], "C: NOOP grüße");
  assert.is(lines[5], `C: ${"x".repeat(1000)}`);
  assert.is(lines[6], `C: ${"x".repeat(500)}y`);
  command.process.kill("SIGTERM");
  assert.is(await command.ended(), 0);
});

test("-u, -s, --format, --line-endings, --leniencies", async () => {
  const command = new Command(["-nu", "-cDebuggingServer", "-s", "1000", "--format=json", "--line-endings", "pass", "--leniencies", "strict,quit-argument", "127.0.0.1:0"]);
  const client = await command.connect();
  await client.say("EHLO x");
  assert.match(client.received, /SIZE 1000\r\n[^]*SMTPUTF8/);
  assert.match(await client.deliver("a\nb"), /^250/);
  assert.is((JSON.parse(command.stdout) as { data: string }).data, "a\nb\r\n");
  assert.match(await client.say("MAIL FROM: <a@b>"), /^501/);
  assert.match(await client.say("QUIT now"), /^221/);
});

test("all of IPv4, a unix socket", async () => {
  const everywhere = new Command([...DEBUGGING, ":0"]);
  assert.is((await everywhere.listening())[0], "0.0.0.0");
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const path = join(directory, "socket");
  const local = new Command([...DEBUGGING, `unix:${path}`]);
  await eventually(() => local.stderr.includes(path), "it listens");
  assert.match(await (await Client.connect(path)).say("QUIT"), /221/);
  local.process.kill("SIGTERM");
  await local.ended();
  rmSync(directory, { recursive: true });
});

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((each) => each?.address === "::1");

(HAS_IPV6 ? test : test.skip)("IPv6 in brackets", async () => {
  const command = new Command([...DEBUGGING, "[::1]:0"]);
  assert.match(await (await command.connect()).say("QUIT"), /^221/);
  assert.match(command.stderr, /listening on \[::1\]:\d+/);
});

test("-h and -V", async () => {
  const help = new Command(["-h"]);
  assert.is(await help.ended(), 0);
  assert.match(help.stdout, /^Usage: smtpd \[-n\]/);
  const version = new Command(["--version"]);
  assert.is(await version.ended(), 0);
  assert.match(version.stdout, /^smtpd \d+\.\d+\.\d+\n$/);
});

test("mistakes: the usage, what is wrong, exit code 1", async () => {
  for (const [args, expected] of [
    [["localhost"], /^Usage[^]*\nBad local spec: localhost\n$/],
    [["localhost:smtp"], /^Usage[^]*\nBad local port: localhost:smtp\n$/],
    [["localhost:70000"], /\nBad local port: localhost:70000\n$/],
    [["localhost:1", "mx"], /\nBad remote spec: mx\n$/],
    [["localhost:1", "mail.example:x"], /\nBad remote port: mail.example:x\n$/],
    [["localhost:1", "mail.example:1,other.example"], /\nBad remote spec: other.example\n$/],
    [["--starttls-upstream", "maybe"], /\nInvalid --starttls-upstream: maybe; it is one of if-offered, required, never\n$/],
    [["a:1", "b:2", "c:3"], /\nInvalid arguments: a:1, b:2, c:3\n$/],
    [["--nonsense"], /^Usage[^]*nonsense/],
    [["-c"], /^Usage[^]*argument/],
    [["-c", "NoServer"], /^Usage[^]*\nUnknown class: NoServer\n$/],
    [["--proxy-protocol-upstream", "3"], /\nInvalid --proxy-protocol-upstream: 3; it is one of 1, 2\n$/],
    [["--format", "xml"], /\nInvalid format: xml; it is one of text, python, json\n$/],
    [["--line-endings", "lf"], /\nInvalid line endings: lf; /],
    [["--extension", "TURN"], /\nInvalid extension: TURN; it is one of BINARYMIME, CHUNKING, /],
    [["--mailman-cfg", "/etc/mailman3/mailman.cfg"], /\n--mailman-cfg is an option of MailmanProxy, which PureProxy is not\n$/],
    [["-c", "MailmanProxy", "--mailman-cfg", CLI, "--mailman-mixed", "never"], /\nInvalid --mailman-mixed: never; it is one of together, defer\n$/],
  ] as const) assert.match(await refused(args), expected);
});

const OWN_CLASSES = `
  import { DebuggingServer, MailmanProxy, PureProxy, SMTPServer } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
  export class Server extends SMTPServer {}
  export class Debugging extends DebuggingServer {}
  export class Proxy extends PureProxy {}
  export class Lists extends MailmanProxy {}
`;

test("an option that is not for a class is refused, whether it is one of ours or extends one", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const path = join(directory, "own.mjs");
  writeFileSync(path, OWN_CLASSES);
  const refuses = async (of: string, name: string, other: string): Promise<void> => {
    const said = await refused(["-c", other, `--${name}`, ...(OPTIONS[name as keyof typeof OPTIONS].type === "string" ? ["json"] : [])]);
    assert.ok(said.endsWith(`\n--${name} is an option of ${of}, which ${other.replace(/^.*:/, "")} is not\n`), said);
  };
  for (const [name, { of }] of Object.entries<Option>(OPTIONS)) {
    if (of !== undefined) await refuses(of, name, of === "PureProxy" ? "DebuggingServer" : "PureProxy");
  }
  await refuses("DebuggingServer", "format", `${path}:Lists`);
  await refuses("PureProxy", "allow", `${path}:Server`);
  await refuses("PureProxy", "tls-upstream", "SMTPServer");
  await refuses("MailmanProxy", "mailman-classic", `${path}:Proxy`);

  for (const [name, ...option] of [["Debugging", "--format", "json"], ["Proxy", "--allow", "192.0.2.1"]]) {
    assert.is((await new Command(["-n", "-c", `${path}:${name}`, ...option, "127.0.0.1:0"]).listening())[0], "127.0.0.1");
  }
  assert.match(await refused(["-n", "-c", `${path}:Lists`, "--x-peer", "--mailman-cfg", "/no/such/file"]), /^Cannot start Lists: /);
  rmSync(directory, { recursive: true });
});

test("each option stands in the usage and in the document", () => {
  const document = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8");
  for (const [name, { value }] of Object.entries<Option>(OPTIONS)) {
    const written = value === undefined ? `--${name}` : `--${name} ${value}`;
    assert.ok(usage().includes(`${written} `), written);
    assert.ok(document.includes(`\`${written}\``), written);
  }
  for (const line of usage().split("\n")) assert.ok(line.length <= 122, line);
});

test("mistakes that need no usage", async () => {
  assert.is(await refused(["-s", "zz"]), "Invalid size: zz\n");
  assert.is(await refused(["--exit-after", "x"]), "Invalid number of messages: x\n");
  assert.is(await refused(["--exit-after", "0"]), "Invalid number of messages: 0\n");
  assert.match(await refused(["--upstream-user", "ann"]), /^--upstream-user needs a password: in SMTPD_UPSTREAM_PASSWORD, or in a file/);
  assert.match(await refused(["--upstream-user", "ann", "--upstream-password-file", "/no/such/file"]), /^Cannot read \/no\/such\/file: ENOENT/);
  assert.is(await refused(["--upstream-password-file", CLI]), "--upstream-password-file needs --upstream-user\n");
  assert.is(await refused(["--tls-cert", "x"]), "--tls-cert and --tls-key go together\n");
  assert.match(await refused(["--leniencies", "strict,none"]), /Invalid leniency: none; it is one of strict, interoperable, smtpd, space-after-colon, /);
  assert.is(await refused(["--tls"]), "TLS needs a certificate: --tls-cert and --tls-key\n");
  assert.match(await refused(["--tls-cert", "/no/such/file", "--tls-key", "/no/such/file"]), /^Cannot read \/no\/such\/file: ENOENT/);
  assert.match(await refused(["--upstream-ca", "/no/such/file"]), /^Cannot read \/no\/such\/file: ENOENT/);
  for (const option of ["--xclient", "--xforward"]) assert.is(await refused(["-n", option, "everybody", "127.0.0.1:0"]), 'Cannot start PureProxy: RangeError: "everybody" is no network\n');
  assert.is(await refused(["-n", "--allow", "everybody", "127.0.0.1:0"]), 'Cannot start PureProxy: RangeError: "everybody" is no network\n');
  assert.is(await refused(["-n", "-c", "DebuggingServer", "--proxy-protocol", "127.0.0.1/33", "127.0.0.1:0"]), 'Cannot start DebuggingServer: RangeError: "127.0.0.1/33" is no network\n');
  assert.match(await refused(["-n", "-c", "MailmanProxy", "--mailman-cfg", "/no/such/file", "127.0.0.1:0"]), /^Cannot start MailmanProxy: Error: \/no\/such\/file: it cannot be read \(ENOENT\)\n$/);
});

test("PureProxy is the default: it relays, tries next hops in order, and -d shows both sides", async () => {
  const upstream = await Scripted.start({ EHLO: "250-upstream.example\r\n250 AUTH PLAIN", AUTH: "235 Welcome" });
  const command = new Command(["-n", "-d", "--x-peer", "--upstream-user", "ann", "127.0.0.1:0", `127.0.0.1:${await freePort()},127.0.0.1:${upstream.address[1]}`], "pipe", { SMTPD_UPSTREAM_PASSWORD: "secret" });
  assert.match(await (await command.connect()).deliver("Subject: hello\r\n\r\nx"), /^250/);
  assert.match(upstream.messages[0]!, /^Received: [^]*X-Peer: 127\.0\.0\.1\r\nSubject: hello\r\n/);
  assert.match(upstream.dialogue, new RegExp(`AUTH PLAIN ${Buffer.from("\0ann\0secret").toString("base64")}`));
  await eventually(() => /upstream .* C: Subject: hello/.test(command.stderr), "the dialogue is shown");
  assert.match(command.stderr, /^smtpd: upstream 127\.0\.0\.1:\d+: 451 Upstream: cannot connect \(ECONNREFUSED\)$/m);
  assert.match(command.stderr, /^upstream 127\.0\.0\.1:\d+ C: \(credentials\)$/m);
  assert.match(command.stderr, /^127\.0\.0\.1:\d+ C: Subject: hello$/m);
  assert.not.match(command.stderr, /secret|AUTH PLAIN [A-Za-z0-9]/);
  command.process.kill("SIGTERM");
  assert.is(await command.ended(), 0);
  assert.match(upstream.dialogue, /QUIT$/);
  await upstream.close();
});

test("--proxy-protocol and --proxy-protocol-upstream: one after the other, they know the first client", async () => {
  const second = new Command([...DEBUGGING, "-d", "--proxy-protocol", "192.0.2.0/24", "--proxy-protocol", "127.0.0.1", "127.0.0.1:0"]);
  const first = new Command(["-n", "--proxy-protocol-upstream", "2", "127.0.0.1:0", `127.0.0.1:${(await second.listening())[1]}`]);
  const client = await Client.connect(await first.listening(), { localAddress: "127.0.0.2" });
  assert.match(await client.deliver("Subject: hello\r\n\r\nx"), /^250/);
  await eventually(() => /^X-Peer: 127\.0\.0\.2$/m.test(second.stdout), "it is the first client's message");
  await eventually(() => second.stderr.includes(`127.0.0.2:${client.socket.localPort} C: DATA\n`), "the dialogue is with the first client");
  const stranger = (await Client.connectOnly(await second.listening())).send("EHLO x\r\n");
  await eventually(() => stranger.socket.closed && /^smtpd: PROXY protocol from 127\.0\.0\.1 failed: Error: malformed header$/m.test(second.stderr), "it says why");
  assert.is(stranger.received, "");
});

test("a password from a file, a unix socket upstream", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const path = join(directory, "upstream.sock");
  writeFileSync(join(directory, "password"), "first line\nsecond line\n");
  const upstream = await Scripted.start({ EHLO: "250-upstream.example\r\n250 AUTH PLAIN", AUTH: "235 Welcome" }, { path });
  const command = new Command(["-n", "--upstream-user", "ann", "--upstream-password-file", join(directory, "password"), "127.0.0.1:0", `unix:${path}`]);
  assert.match(await (await command.connect()).deliver("x"), /^250/);
  assert.ok(upstream.dialogue.includes(Buffer.from("\0ann\0first line").toString("base64")));
  await upstream.close();
  rmSync(directory, { recursive: true });
});

test("PureProxy listening for all says who may relay; its own next hop it is not", async () => {
  const command = new Command(["-n", "0.0.0.0:0", "127.0.0.1:9"]);
  await command.listening();
  assert.match(command.stderr, /^smtpd: listening for all hosts, but only clients on this one may relay; --allow CIDR or --relay-domain DOMAIN opens it$/m);
  const open = new Command(["-n", "--allow", "192.0.2.0/24", "--relay-domain", "example.org", "0.0.0.0:0", "mx:example.org"]);
  await open.listening();
  assert.not.match(open.stderr, /relay/);
  const port = await freePort();
  assert.is(await refused(["-n", `127.0.0.1:${port}`, `127.0.0.1:${port}`]), `Cannot listen on 127.0.0.1:${port}: the next hop is this server itself\n`);
});

test("a port that is taken", async () => {
  const first = new Command([...DEBUGGING, "127.0.0.1:0"]);
  const [, port] = await first.listening();
  assert.match(await refused([...DEBUGGING, `127.0.0.1:${port}`]), /^Cannot listen on 127.0.0.1:\d+: .*EADDRINUSE/);
});

testIf(have("openssl", "version") ? undefined : "there is no openssl", test, "a certificate, read again at SIGHUP; LMTP; extensions on request", async () => {
  const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const make = (name: string): void => void execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", `/CN=${name}`], { stdio: "ignore" });
  make("one.example");
  const command = new Command([...DEBUGGING, "--tls-cert", cert, "--tls-key", key, "--tls-required", "--lmtp", "--extension", "chunking", "127.0.0.1:0"]);
  const shown = async (): Promise<string> => {
    const client = await command.connect();
    assert.match(await client.say("LHLO x"), /250-CHUNKING[^]*250 STARTTLS|250-STARTTLS[^]*250 CHUNKING/);
    assert.match(await client.say("MAIL FROM:<a@b>"), /^530/);
    await client.say("STARTTLS");
    const secure = connectTls({ socket: client.socket, rejectUnauthorized: false });
    await once(secure, "secureConnect", { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { CN } = secure.getPeerCertificate().subject;
    secure.destroy();
    return String(CN);
  };
  assert.is(await shown(), "one.example");
  make("two.example");
  command.process.kill("SIGHUP");
  await eventually(() => /the certificate was read again/.test(command.stderr), "it is read");
  assert.is(await shown(), "two.example");
  writeFileSync(key, "none");
  command.process.kill("SIGHUP");
  await eventually(() => /the certificate stays as it was: /.test(command.stderr), "the operator is told");
  assert.is(await shown(), "two.example");
  rmSync(folder, { recursive: true });
});

/** A folder with what Mailman would have there, and a REST API that knows a list that is in no map. */
async function mailman(lmtp: Address): Promise<{ cfg: string; rest: HttpServer; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
  const rest = createHttpServer(({ url = "" }, response) => {
    const list = decodeURIComponent(url.split("/")[3] ?? "");
    const found = url.endsWith("/domains") ? { total_size: 1, entries: [{ mail_host: "lists.test", alias_domain: null }] } : list === "bee@lists.test" ? { fqdn_listname: list } : undefined;
    response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? { title: "404 Not Found" }));
  });
  await once(rest.listen(0, "127.0.0.1"), "listening");
  const cfg = join(folder, "mailman.cfg");
  mkdirSync(join(folder, "data"));
  const { lmtp: map, domains } = mapsOf(["ant@lists.test", "my-ant@lists.test"], {});
  writeFileSync(join(folder, "data", "postfix_lmtp"), map);
  writeFileSync(join(folder, "data", "postfix_domains"), domains);
  writeFileSync(cfg, `[mailman]\nlayout: here\n[paths.here]\nvar_dir: ${folder}\n[webservice]\nhostname: 127.0.0.1\nport: ${(rest.address() as AddressInfo).port}\n[mta]\nlmtp_port: ${lmtp[1]}\n`);
  return { cfg, rest, folder };
}

async function rcpts(client: Client, ...recipients: readonly string[]): Promise<string[]> {
  await client.say("EHLO client.example");
  await client.say("MAIL FROM:<a@b>");
  const replies = [];
  for (const each of recipients) replies.push((await client.say(`RCPT TO:<${each}>`)).slice(0, 3));
  return replies;
}

test("MailmanProxy: what mailman.cfg and the maps say, all modes", async () => {
  const lmtp = await Scripted.start({ RCPT: "250 Ok", MAIL: "250 Ok" });
  const upstream = await Scripted.start({ RCPT: "550 5.1.1 No such user" });
  const { cfg, rest, folder } = await mailman(lmtp.address);
  const args = ["-n", "-c", "MailmanProxy", "--mailman-cfg", cfg, "127.0.0.1:0", `127.0.0.1:${upstream.address[1]}`];
  const plain = await new Command(args).connect();
  assert.equal(await rcpts(plain, "ant@lists.test", "my-ant-request@lists.test", "nobody@lists.test", "ant@elsewhere.test"), ["250", "250", "550", "550"]);
  const classic = await new Command(["--mailman-classic", ...args]).connect();
  assert.equal(await rcpts(classic, "ant@elsewhere.test", "my-ant@lists.test"), ["250", "550"]);
  upstream.script = {};
  const deferring = await new Command(["--mailman-mixed", "defer", ...args]).connect();
  assert.equal(await rcpts(deferring, "ant@lists.test", "bob@x.test"), ["250", "452"]);
  for (const server of [lmtp, upstream]) await server.close();
  rest.close();
  rmSync(folder, { recursive: true });
});

test("MailmanProxy as nobody, who may not read the maps: REST is asked, and the operator told", async () => {
  if (process.getuid?.() !== 0) return;
  const lmtp = await Scripted.start({ RCPT: "250 Ok", MAIL: "250 Ok" });
  const upstream = await Scripted.start({ RCPT: "550 5.1.1 No such user" });
  const { cfg, rest, folder } = await mailman(lmtp.address); // only its owner enters it
  const command = new Command(["-c", "MailmanProxy", "--mailman-cfg", cfg, "127.0.0.1:0", `127.0.0.1:${upstream.address[1]}`]);
  assert.equal(await rcpts(await command.connect(), "bee@lists.test", "bee-owner@lists.test", "cow@lists.test"), ["250", "250", "550"]);
  assert.match(command.stderr, /^smtpd: Mailman's REST API is asked instead of its maps: .*postfix_lmtp cannot be read \(EACCES\)$/m);
  assert.is(command.stderr.match(/instead of its maps/g)!.length, 1);
  for (const server of [lmtp, upstream]) await server.close();
  rest.close();
  rmSync(folder, { recursive: true });
});

test("without -n: nobody, or a word why not", async () => {
  const command = new Command(["-c", "smtpd.DebuggingServer", "127.0.0.1:0"]);
  if (process.getuid?.() === 0) {
    await command.listening();
    assert.match(await (await command.connect()).deliver("still works"), /^250/);
    const status = readFileSync(`/proc/${command.process.pid}/status`, "utf8");
    assert.match(status, /^Uid:\t(?!0\t)(\d+)\t\1\t\1\t\1$/m);
    assert.match(status, /^Gid:\t(?!0\t)/m);
    assert.match(status, /^Groups:\t?\s*$/m);
  } else {
    assert.is(await command.ended(), 1);
    assert.is(command.stderr, 'Cannot setuid "nobody"; try running with -n option.\n');
  }
});

test("a class of one's own", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const index = pathToFileURL(fileURLToPath(new URL("../dist/index.js", import.meta.url))).href;
  const path = join(directory, "my-server.js");
  writeFileSync(join(directory, "package.json"), '{"type": "module"}');
  writeFileSync(path, `
    import { SMTPServer } from ${JSON.stringify(index)};
    export default class Mine extends SMTPServer { processMessage() { console.log("mine"); } }
    export class Other extends SMTPServer { processMessage() { return "554 5.7.1 Other says no"; } }
    export class Alien {}
    export class Broken extends SMTPServer { constructor(...args) { throw new Error("not like this"); } }
    export const number = 1;
  `);
  const mine = new Command(["-n", "-c", path, "127.0.0.1:0"]);
  assert.match(await (await mine.connect()).deliver("x"), /^250/);
  await eventually(() => mine.stdout === "mine\n", "it printed");
  const other = new Command(["-n", "-c", `${path}:Other`, "127.0.0.1:0"]);
  assert.match(await (await other.connect()).deliver("x"), /^554 5.7.1 Other says no/);
  other.process.kill("SIGTERM");
  await other.ended();
  assert.match(await refused(["-n", "-c", `${path}:Missing`]), /has no class as its export "Missing"\n$/);
  assert.match(await refused(["-n", "-c", `${path}:number`]), /has no class as its export "number"\n$/);
  assert.match(await refused(["-n", "-c", `${path}:Alien`]), /does not extend SMTPServer\n$/);
  assert.is(await refused(["-n", "-c", `${path}:Broken`]), "Cannot start Broken: Error: not like this\n");
  assert.match(await refused(["-n", "-c", "./no-such-file.js"]), /^Cannot load .\/no-such-file.js: /);
  rmSync(directory, { recursive: true });
});

test("standard output that is closed: 451, a clear line, and it goes on", async () => {
  const command = new Command([...DEBUGGING, "127.0.0.1:0"]);
  const client = await command.connect();
  command.process.stdout!.destroy();
  assert.match(await client.deliver("x".repeat(100_000)), /^451 4.3.0/);
  assert.match(await client.deliver("y"), /^451 4.3.0/);
  await eventually(() => /EPIPE/.test(command.stderr), "the operator is told");
  assert.is(command.process.exitCode, null);
});

test("standard output that was closed from the start: 451", async () => {
  const command = new Command([], "pipe", {}, ["bash", "-c", 'exec "$@" >&-', "bash", process.execPath, CLI, ...DEBUGGING, "127.0.0.1:0"]);
  assert.match(await (await command.connect()).deliver("x"), /^451 4.3.0/);
  assert.match(command.stderr, /standard output is closed/);
  command.process.kill("SIGTERM");
  assert.is(await command.ended(), 0);
  const discarded = new Command([], "pipe", {}, ["bash", "-c", 'exec "$@" >/dev/null', "bash", process.execPath, CLI, ...DEBUGGING, "127.0.0.1:0"]);
  assert.match(await (await discarded.connect()).deliver("x"), /^250/);
});

test("a full disk: 451, a clear line, and it goes on", async () => {
  const full = openSync("/dev/full", "w");
  const command = new Command([...DEBUGGING, "127.0.0.1:0"], full);
  closeSync(full);
  const client = await command.connect();
  assert.match(await client.deliver("x"), /^451 4.3.0/);
  assert.match(await client.deliver("y"), /^451 4.3.0/);
  await eventually(() => /ENOSPC/.test(command.stderr), "the operator is told");
  assert.is(command.process.exitCode, null);
});

test("a disk that takes only a part of a message: 451", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const file = openSync(join(directory, "out"), "w");
  const script = 'ulimit -f 4; trap "" XFSZ; exec "$@"';
  const command = new Command([], file, { NODE_V8_COVERAGE: "" }, ["bash", "-c", script, "bash", process.execPath, CLI, ...DEBUGGING, "127.0.0.1:0"]);
  closeSync(file);
  const client = await command.connect();
  assert.match(await client.deliver("short"), /^250/);
  assert.match(await client.deliver("long ".repeat(2000)), /^451 4.3.0/);
  await eventually(() => /EFBIG/.test(command.stderr), "the operator is told");
  truncateSync(join(directory, "out"), 100); // there is room again, but not where the file goes on
  assert.match(await client.deliver("short"), /^451/);
  rmSync(directory, { recursive: true });
});

test("standard output in a file", async () => {
  const directory = mkdtempSync(join(tmpdir(), "smtpd-"));
  const file = openSync(join(directory, "out"), "w");
  const command = new Command([...DEBUGGING, "127.0.0.1:0"], file);
  closeSync(file);
  assert.match(await (await command.connect()).deliver("Subject: x"), /^250/);
  assert.is(readFileSync(join(directory, "out"), "utf8"), "---------- MESSAGE FOLLOWS ----------\nSubject: x\n------------ END MESSAGE ------------\n");
  command.process.kill("SIGTERM");
  assert.is(await command.ended(), 0);
  rmSync(directory, { recursive: true });
});

test("a terminal that nobody looks at: the dialogue is not kept without end", async () => {
  const command = new Command([...DEBUGGING, "-d", "127.0.0.1:0"]);
  const client = await command.connect();
  command.process.stderr!.pause();
  for (let times = 0; times < 30; times++) {
    client.send("NOOP\r\n".repeat(2000));
    await client.until(/(?:250 2.0.0 OK\r\n){2000}/);
  }
  assert.match(await client.say("QUIT"), /^221/);
  command.process.kill("SIGTERM");
  command.process.stderr!.resume();
  assert.is(await command.ended(), 0);
});

test("standard error that is closed is no reason to stop", async () => {
  const command = new Command([...DEBUGGING, "-d", "127.0.0.1:0"]);
  const address = await command.listening();
  command.process.stderr!.destroy();
  const client = await Client.connect(address);
  assert.match(await client.deliver("x"), /^250/);
  assert.match(await client.deliver("y"), /^250/);
});

test.run();
