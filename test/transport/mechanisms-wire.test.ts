// AUTH over real connections: the way upstream, and a server that hears it with Login; what TLS gives to bind a login to.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer as createTlsServer, type SecureVersion } from "node:tls";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Mail } from "../../dist/protocol/index.js";
import {
  bindingFor, channelBinding, Login, MECHANISMS, offered, scramSecret, Upstream, type Authenticator, type ChannelBinding, type Credentials, type Identity, type Mechanism, type UpstreamOptions,
} from "../../dist/transport/index.js";
import { makeCertificate } from "../certificate.js";
import { commandOf } from "../client-transcript.js";
import { have, run, testIf } from "../interop/tools.js";

const test = suite("AUTH on the wire");

const MAIL = commandOf("MAIL FROM:<a@b>") as Mail;
const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
const cleanUp: (() => unknown)[] = [];
const noOpenssl = have("openssl", "version") ? undefined : "openssl is not here";
const { key, cert } = noOpenssl === undefined ? makeCertificate(folder, "localhost") : { key: "", cert: "" };

test.after.each(async () => {
  for (const each of cleanUp.splice(0)) await each();
});
test.after(() => rmSync(folder, { recursive: true }));

interface ServerOptions {
  readonly authenticator?: Authenticator;
  readonly tls?: SecureVersion;
  readonly known?: readonly Mechanism[];
  /** What stands in the place of a reply of ours. */
  readonly spoils?: (reply: string) => string;
  /** What EHLO says of AUTH, in the place of what is offered. */
  readonly says?: string;
}

class Server {
  readonly heard: string[] = [];
  readonly identities: Identity[] = [];
  readonly bindings: (ChannelBinding | undefined)[] = [];
  port = 0;
  readonly #options: ServerOptions;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  async start(): Promise<this> {
    const { tls } = this.#options;
    const accept = (socket: Socket): void => void this.#serve(socket).catch(() => socket.destroy());
    const server = tls === undefined ? createServer(accept) : createTlsServer({ key, cert, minVersion: tls, maxVersion: tls }, accept);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    cleanUp.push(() => server.close());
    return this;
  }

  async #serve(socket: Socket): Promise<void> {
    const { authenticator = {}, known = MECHANISMS, spoils = (reply) => reply, says } = this.#options;
    socket.on("error", () => {});
    cleanUp.push(() => socket.destroy());
    const binding = bindingFor(known, channelBinding(socket));
    this.bindings.push(binding);
    const names = offered(known, authenticator, { unheard: true, bindable: binding !== undefined }).map(({ name }) => name).join(" ");
    let login: Login | undefined;
    socket.write("220 mx.example\r\n");
    for await (const line of lines(socket)) {
      this.heard.push(line);
      const [verb, name, initial] = line.split(" ");
      let said = "250 2.0.0 Fine";
      if (login !== undefined || verb === "AUTH") {
        const began = login === undefined;
        login ??= new Login(known.find((each) => each.name === name)!, { authenticator, binding, hostname: "mx.example" });
        const { reply, identity } = await (began ? login.begin(initial) : login.next(line));
        if (identity !== undefined) this.identities.push(identity);
        if (reply.code !== 334) login = undefined;
        said = spoils(`${reply.code} ${reply.code === 334 ? "" : `${reply.enhanced} `}${reply.lines[0]}`);
        if (!said.startsWith("334")) login = undefined;
      } else if (verb === "EHLO") {
        said = `250-mx.example\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH ${says ?? names}`;
      }
      socket.write(`${said}\r\n`);
      if (verb === "QUIT") socket.end();
    }
  }
}

async function* lines(socket: Socket): AsyncGenerator<string> {
  let unread = "";
  for await (const octets of socket) {
    const all = `${unread}${String(octets)}`.split("\r\n");
    unread = all.pop()!;
    yield* all;
  }
}

async function tried(server: Server, auth: Credentials, options: UpstreamOptions = {}): Promise<string> {
  const to = new Upstream(["localhost", server.port], { hostname: "proxy.example", auth, tls: { ca: cert }, keep: 0, ...options });
  cleanUp.unshift(() => to.close());
  const transaction = await to.begin(MAIL);
  transaction.abort();
  return `${transaction.reply.code} ${transaction.reply.lines[0]}`;
}

const FINE = "250 Fine";
const NO_LOGIN = "451 Upstream: we could not log in";
const CREDENTIALS = { user: "jürgen", password: "pässwörd" };
const SECRET = await scramSecret(CREDENTIALS.password);
const BY_SECRET: Authenticator = { scram: (user) => (user === CREDENTIALS.user ? SECRET : undefined) };
const BY_PASSWORD: Authenticator = { password: (user) => (user === CREDENTIALS.user ? CREDENTIALS.password : undefined) };

for (const { name, by, binds } of MECHANISMS.filter(({ binds }) => binds === undefined)) {
  test(`${name}: a client that logs in, and one that does not`, async () => {
    const authenticator: Authenticator = by === "token" ? { token: (user, token) => user === CREDENTIALS.user && token === "token" } : BY_PASSWORD;
    const server = await new Server({ authenticator, says: name }).start();
    assert.is(binds, undefined);
    assert.is(await tried(server, by === "token" ? { user: CREDENTIALS.user, token: async () => "token" } : CREDENTIALS), FINE);
    assert.equal(server.identities, [{ authenticationId: CREDENTIALS.user, authorizationId: CREDENTIALS.user }]);
    assert.match(server.heard[1]!, new RegExp(`^AUTH ${name}(?: |$)`));
    assert.is(await tried(server, by === "token" ? { user: CREDENTIALS.user, token: "wrong" } : { ...CREDENTIALS, password: "wrong" }), NO_LOGIN);
    assert.is(server.identities.length, 1);
  });
}

test("the best that both have is used, in the clear to this host", async () => {
  const server = await new Server({ authenticator: BY_PASSWORD }).start();
  assert.is(await tried(server, CREDENTIALS), FINE);
  assert.match(server.heard[1]!, /^AUTH SCRAM-SHA-256 /);
  assert.match(Buffer.from(server.heard[1]!.split(" ")[2]!, "base64").toString(), /^n,,/);
});

test("a password that SCRAM cannot have goes by the next mechanism; where there is none, nothing is said", async () => {
  const server = await new Server({ authenticator: { password: () => "tab\there" } }).start();
  assert.is(await tried(server, { user: "user", password: "tab\there" }), FINE);
  assert.match(server.heard[1]!, /^AUTH PLAIN /);
  const other = await new Server({ authenticator: { password: () => "tab\there" }, says: "SCRAM-SHA-256" }).start();
  assert.is(await tried(other, { user: "user", password: "tab\there" }), "451 Upstream: no mechanism of AUTH that may be used here");
  assert.not.match(other.heard.join(), /AUTH/);
});

test("a name so long that AUTH would be no line: it answers an empty challenge", async () => {
  const user = "u".repeat(400);
  for (const says of ["SCRAM-SHA-256", "PLAIN"]) {
    const server = await new Server({ authenticator: { password: (name) => (name === user ? "x" : undefined) }, says }).start();
    assert.is(await tried(server, { user, password: "x" }), FINE);
    assert.is(server.heard[1], `AUTH ${says}`);
  }
});

test("SCRAM: a server that says it is done before it has shown that it knows the password is not believed", async () => {
  for (const [what, spoils] of [
    ["at once", () => "235 2.7.0 Welcome"],
    ["in the place of its signature", (reply: string) => (reply.length < 80 ? "235 2.7.0 Welcome" : reply)],
    ["behind a wrong signature", (reply: string) => (reply.startsWith("334") && reply.length < 80 ? `334 ${Buffer.from(`v=${"A".repeat(43)}=`).toString("base64")}` : reply)],
    ["to the cancelling", (reply: string) => (/^501/.test(reply) ? "235 2.7.0 Welcome" : reply.startsWith("334") && reply.length < 80 ? "334 dj0=" : reply)],
    ["with what is no base64", () => "334 !"],
  ] as const) {
    const server = await new Server({ authenticator: BY_SECRET, says: "SCRAM-SHA-256", spoils }).start();
    assert.is(await tried(server, CREDENTIALS), NO_LOGIN, what);
    assert.not.match(server.heard.join(), /MAIL/, what);
  }
});

test("mechanisms of an application's own, and fewer than there are", async () => {
  const mine: Mechanism = {
    name: "X-MINE",
    by: "password",
    discloses: false,
    async *client() {
      yield new Uint8Array(0);
      return true;
    },
    async *server(_, initial) {
      return initial?.length === 0 ? { authenticationId: "me", authorizationId: "me" } : "malformed";
    },
  };
  const server = await new Server({ authenticator: BY_SECRET, known: [...MECHANISMS, mine] }).start();
  assert.is(await tried(server, CREDENTIALS, { mechanisms: [mine, ...MECHANISMS] }), FINE);
  assert.is(server.heard[1], "AUTH X-MINE =");
  assert.is(await tried(server, CREDENTIALS, { mechanisms: MECHANISMS.filter(({ name }) => name === "LOGIN") }), FINE);
  assert.is(await tried(server, CREDENTIALS, { mechanisms: [] }), "451 Upstream: no mechanism of AUTH that may be used here");
  const listener: Mechanism = { ...mine, async *client() { yield new Uint8Array(0); return "yes" as unknown as boolean; } };
  assert.is(await tried(server, CREDENTIALS, { mechanisms: [listener] }), NO_LOGIN, "only true is a yes");
});

function testTls(name: string, body: () => Promise<void>): void {
  testIf(noOpenssl, test, name, body);
}

testTls("TLS 1.3: the login is bound to the connection", async () => {
  const server = await new Server({ authenticator: BY_SECRET, tls: "TLSv1.3" }).start();
  assert.is(await tried(server, CREDENTIALS, { implicitTls: true }), FINE);
  assert.match(server.heard[1]!, /^AUTH SCRAM-SHA-256-PLUS /);
  assert.is(Buffer.from(server.heard[1]!.split(" ")[2]!, "base64").toString().split(",")[0], "p=tls-exporter");
  assert.is(server.identities.length, 1);
  assert.is(await tried(server, { ...CREDENTIALS, password: "wrong" }, { implicitTls: true }), NO_LOGIN);
});

testTls("TLS 1.3, and somebody took PLUS off the list: the server notices", async () => {
  const server = await new Server({ authenticator: BY_SECRET, tls: "TLSv1.3", says: "SCRAM-SHA-256 SCRAM-SHA-1" }).start();
  assert.is(await tried(server, CREDENTIALS, { implicitTls: true }), NO_LOGIN);
  assert.match(Buffer.from(server.heard[1]!.split(" ")[2]!, "base64").toString(), /^y,,/);
  const withoutPlus = MECHANISMS.filter(({ binds }) => !binds);
  assert.is(await tried(server, CREDENTIALS, { implicitTls: true, mechanisms: withoutPlus }), FINE, "a client without it does not claim that it could");
  const plain = await new Server({ authenticator: BY_SECRET, tls: "TLSv1.3", known: withoutPlus }).start();
  assert.is(await tried(plain, CREDENTIALS, { implicitTls: true }), FINE, "a server without it has been passed over by nobody");
});

testTls("TLS 1.2: there is nothing to bind to", async () => {
  const server = await new Server({ authenticator: BY_SECRET, tls: "TLSv1.2" }).start();
  assert.is(await tried(server, CREDENTIALS, { implicitTls: true }), FINE);
  assert.match(Buffer.from(server.heard[1]!.split(" ")[2]!, "base64").toString(), /^n,,/);
  assert.equal(server.bindings, [undefined]);
});

testTls("the binding is the same at both ends, another one for each connection, and gone with it", async () => {
  const server = await new Server({ tls: "TLSv1.3" }).start();
  const seen: string[] = [];
  for (let count = 0; count < 2; count++) {
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: cert, servername: "localhost" });
    await once(socket, "data");
    const binding = channelBinding(socket)!;
    assert.is(binding.type, "tls-exporter");
    assert.equal(Buffer.from(binding.octets), Buffer.from(server.bindings[count]!.octets));
    seen.push(Buffer.from(binding.octets).toString("hex"));
    socket.destroy();
    assert.is(channelBinding(socket), undefined);
  }
  assert.is(new Set(seen).size, 2);
});

testTls("openssl exports the same (RFC 9266 §2)", async () => {
  const server = await new Server({ tls: "TLSv1.3" }).start();
  const { stdout } = await run("openssl", ["s_client", "-connect", `127.0.0.1:${server.port}`, "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"], "QUIT\r\n");
  const exported = /Keying material: ([0-9A-F]{64})/.exec(stdout)?.[1];
  assert.is(exported?.toLowerCase(), Buffer.from(server.bindings[0]!.octets).toString("hex"));
});

test.run();
