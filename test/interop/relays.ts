// Mail servers that are clients of ours: a Postfix and an Exim of our own, whose configuration and queue are nobody else's. What one of
// them is given goes on to one server, and its log tells what became of it.

import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Client } from "../client.js";
import { Postfix, type Parameters } from "./accounting/postfix.js";
import { find, quietPort, until } from "./accounting/processes.js";
import type { Login } from "./senders.js";
import { have, run } from "./tools.js";

/** Towards our server. */
export interface Way {
  readonly port: number;
  readonly lmtp?: boolean;
  readonly tls?: "STARTTLS" | "implicit";
  /** Whom it trusts; it insists on it. */
  readonly caFile?: string;
  readonly login?: Login;
}

export interface Submission {
  /** Behind MAIL, and behind each RCPT. */
  readonly mail: string;
  readonly rcpts: readonly string[];
  /** As on the wire, dots doubled, one character an octet. */
  readonly content: string;
}

/** What became of a message for one recipient. */
export interface Fate { readonly to: string; readonly status: "sent" | "deferred" | "bounced"; readonly said: string }

export interface Relay {
  send(way: Way, submission: Submission): Promise<readonly Fate[]>;
}

export interface RelayKind {
  /** Why it cannot be had. */
  readonly missing: string | undefined;
  /** Those that it has as a client, and why it cannot use them. */
  readonly mechanisms: readonly string[];
  readonly noLogin?: string | undefined;
  /** Whether it announces 8-bit text where 8BITMIME is offered, and says BDAT where CHUNKING is. */
  readonly says: { readonly BODY: boolean; readonly BDAT: boolean };
  /** Keeps all that it has in that folder. */
  readonly make: (folder: string) => Promise<Relay>;
}

const notRoot = process.getuid?.() === 0 ? undefined : "only root starts a mail server";
/** For testIf(): to root nothing is missing that could not be installed. */
export const INSTALLABLE = notRoot === undefined;
const lacking = ["postfix", "postconf"].find((program) => find(program) === undefined);
const saslPlugins = find("saslpluginviewer");
/** Postfix logs in, and lets in, by Cyrus SASL. */
export const noSasl = saslPlugins === undefined ? "there is no saslpluginviewer (Debian's sasl2-bin)"
  : (await run(saslPlugins, ["-c"])).stdout.includes("SCRAM-SHA-256") ? undefined : "Cyrus SASL has no plugins (Debian's libsasl2-modules)";
/** The one that Debian's Exim is made for. */
const EXIM_USER = "Debian-exim";
const exim = find("exim4");
const noExim = exim === undefined ? "there is no exim4" : have(exim, "-C", "/dev/null", "-bV") ? undefined : "exim4 does not run: its user is not there, or a library";

export const RELAYS: { readonly [name: string]: RelayKind } = {
  Postfix: {
    missing: notRoot ?? (lacking === undefined ? undefined : `there is no ${lacking} (Debian's postfix)`),
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"],
    noLogin: noSasl,
    says: { BODY: true, BDAT: false }, // its smtpd(8) takes BDAT, its smtp(8) says DATA
    make: async (folder) => new PostfixRelay(folder, await quietPort()),
  },
  Exim: {
    missing: notRoot ?? noExim,
    mechanisms: ["PLAIN", "LOGIN", "CRAM-MD5"],
    says: { BODY: false, BDAT: true },
    make: async (folder) => new EximRelay(folder),
  },
};

class PostfixRelay implements Relay {
  readonly #postfix: Postfix;

  constructor(folder: string, port: number) {
    this.#postfix = new Postfix(folder, port);
  }

  async send(way: Way, submission: Submission): Promise<readonly Fate[]> {
    const { server } = this.#postfix;
    this.#postfix.configure(this.#parameters(way));
    try {
      await server.start();
      await submit(server.port, submission);
      const fates = (): Fate[] => [...this.#postfix.log.matchAll(/ to=<([^>]*)>,.* status=(\w+) \((.*)\)$/gm)].map(([, to, status, said]) => ({ to, status, said }) as Fate);
      await until(async () => fates().length >= submission.rcpts.length, "each recipient has its fate");
      return fates();
    } finally {
      await server.kill();
    }
  }

  #parameters({ port, lmtp, tls, caFile, login }: Way): Parameters {
    return {
      defer_transports: "",
      smtpd_data_restrictions: "",
      default_transport: lmtp === true ? `lmtp:inet:[127.0.0.1]:${port}` : `relay:[127.0.0.1]:${port}`,
      ...(tls !== undefined && { smtp_tls_security_level: "secure", smtp_tls_CAfile: caFile!, smtp_tls_secure_cert_match: "mx.example" }),
      ...(tls === "implicit" && { smtp_tls_wrappermode: "yes" }),
      ...(login !== undefined && {
        smtp_sasl_auth_enable: "yes", smtp_sasl_password_maps: `static:${login.user}:${login.secret}`, smtp_sasl_mechanism_filter: login.mechanism, smtp_sasl_tls_security_options: "noanonymous",
      }),
    };
  }
}

/** Gives a message to a server. */
async function submit(port: number, { mail, rcpts, content }: Submission): Promise<void> {
  const client = await Client.connect(["127.0.0.1", port]);
  await client.say("EHLO client.example");
  for (const line of [`MAIL ${mail}`, ...rcpts.map((each) => `RCPT ${each}`)]) assert.match(await client.say(line), /^250/);
  assert.match(await client.say("DATA"), /^354/);
  client.send(Buffer.from(`${content}.\r\n`, "latin1"));
  assert.match(await client.until(/^\d{3} .*\r\n/m), /^250/);
  await client.say("QUIT");
  client.end();
}

const AUTHENTICATORS: { readonly [mechanism: string]: (login: Login) => string } = {
  "PLAIN": ({ user, secret }) => `driver = plaintext\nclient_send = ^${user}^${secret}`,
  "LOGIN": ({ user, secret }) => `driver = plaintext\nclient_send = : ${user} : ${secret}`,
  "CRAM-MD5": ({ user, secret }) => `driver = cram_md5\nclient_name = ${user}\nclient_secret = ${secret}`,
};

const OPEN_TO_ALL = 0o755;

/** "=>" and "->" for one more recipient of the same delivery, "==" deferred, "**" given up. */
const STATUS = { "=>": "sent", "->": "sent", "==": "deferred", "**": "bounced" } as const;

/** No daemon: one process takes the message from standard input, and the next delivers it before that one ends. */
class EximRelay implements Relay {
  readonly #folder: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
    chmodSync(folder, OPEN_TO_ALL); // its user has to come by
  }

  async send(way: Way, { mail, rcpts, content }: Submission): Promise<readonly Fate[]> {
    const spool = join(this.#folder, `spool-${++this.#count}`);
    mkdirSync(spool);
    chownSync(spool, Number((await run("id", ["-u", EXIM_USER])).stdout), 0);
    const config = join(this.#folder, "exim.conf");
    writeFileSync(config, this.#config(way, spool));
    const dialogue = ["EHLO client.example", `MAIL ${mail}`, ...rcpts.map((each) => `RCPT ${each}`), "DATA", ""].join("\r\n");
    const { stdout, stderr } = await run(exim!, ["-C", config, "-odf", "-bs"], Buffer.concat([Buffer.from(dialogue), Buffer.from(`${content}.\r\nQUIT\r\n`, "latin1")]));
    assert.match(stdout, /^354 .*\r\n250 .*\r\n221 /m, stdout + stderr);
    const log = readFileSync(join(spool, "mainlog"), "utf8");
    return [...log.matchAll(/ (=>|->|==|\*\*) (\S+) R=\w+ (.*)$/gm)].map(([, sign, to, said]) => ({ to: to!, status: STATUS[sign as keyof typeof STATUS], said: said! }));
  }

  #config({ port, lmtp, tls, caFile, login }: Way, spool: string): string {
    return `
exim_path = ${exim}
exim_user = ${EXIM_USER}
spool_directory = ${spool}
log_file_path = ${spool}/%slog
primary_hostname = exim.test
keep_environment =
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
acl_smtp_rcpt = accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = ${port}
  protocol = ${lmtp === true ? "lmtp" : tls === "implicit" ? "smtps" : "smtp"}
  hosts_try_chunking = *
${tls === undefined ? "hosts_avoid_tls = *" : `hosts_require_tls = *\ntls_verify_certificates = ${caFile}\ntls_verify_hosts = *`}
${login === undefined ? "" : "hosts_require_auth = *"}
begin retry
* * F,1h,10m
${login === undefined ? "" : `begin authenticators\none:\n${AUTHENTICATORS[login.mechanism]!(login)}\npublic_name = ${login.mechanism}`}
`;
  }
}
