// A Postfix of our own, as an upstream if no parameter says otherwise: its configuration, queue and port are nobody else's, and all it
// takes stays in the queue.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Stored } from "./ledger.js";
import { find, Server } from "./processes.js";

/** Recipients with these names, behind any digits, are refused; and messages with this subject, once they are whole. */
export const NO_SUCH_USER = "x5";
export const TRY_LATER = "x4";
export const REFUSED_SUBJECT = "refuse-after-dot";

/** Parameters of main.cf. */
export type Parameters = { readonly [name: string]: string };

/** Nothing is looked up, rewritten or delivered. */
const mainCf = (folder: string): Parameters => ({
  compatibility_level: "3.6",
  queue_directory: `${folder}/spool`,
  data_directory: `${folder}/data`,
  maillog_file: `${folder}/log`,
  maillog_file_prefixes: folder,
  myhostname: "upstream.test",
  mydestination: "",
  alias_maps: "",
  alias_database: "",
  local_recipient_maps: "",
  local_header_rewrite_clients: "",
  mynetworks: "127.0.0.0/8",
  inet_interfaces: "127.0.0.1",
  inet_protocols: "ipv4",
  disable_dns_lookups: "yes",
  defer_transports: "smtp local relay virtual",
  smtpd_peername_lookup: "no",
  smtpd_relay_restrictions: "permit_mynetworks, reject",
  smtpd_recipient_restrictions: `check_recipient_access regexp:${folder}/etc/recipients, permit_mynetworks, reject`,
  smtpd_data_restrictions: "check_client_access static:HOLD",
  header_checks: `regexp:${folder}/etc/headers`,
  message_size_limit: "20480000",
  smtpd_client_connection_count_limit: "0",
  smtpd_error_sleep_time: "0",
  in_flow_delay: "0",
  smtpd_tls_security_level: "none",
});

const masterCf = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n - 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - error
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;

const OPEN_TO_ALL = 0o755;
/** postcat is given no more files at a time. */
const BATCH = 200;

/** `envelope`: as postcat shows it. */
type Queued = Omit<Stored, "at"> & { readonly envelope: string };

export class Postfix {
  readonly server: Server;
  readonly #folder: string;
  readonly #config: string;

  constructor(folder: string, port: number) {
    this.#folder = join(folder, "postfix");
    this.#config = join(this.#folder, "etc");
    for (const each of ["", "etc", "spool", "data"]) mkdirSync(join(this.#folder, each), { mode: OPEN_TO_ALL });
    chmodSync(folder, OPEN_TO_ALL); // its user has to come by
    chownSync(join(this.#folder, "data"), Number(execFileSync("id", ["-u", "postfix"])), 0);
    chmodSync(join(this.#folder, "data"), 0o700);
    const files = {
      "master.cf": masterCf(port),
      "recipients": `/^[0-9]*${NO_SUCH_USER}/ 550 5.1.1 no such user\n/^[0-9]*${TRY_LATER}/ 450 4.2.1 try later\n`,
      "headers": `/^Subject: ${REFUSED_SUBJECT}/ REJECT 5.7.1 not with this subject\n`,
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.#config, name), content);
    this.#write({});
    execFileSync(find("postfix")!, ["-c", this.#config, "check"], { stdio: "ignore" });
    const master = join(execFileSync(find("postconf")!, ["-d", "-h", "daemon_directory"], { encoding: "utf8" }).trim(), "master");
    this.server = new Server(port, [master, "-c", this.#config, "-d", "-s"], folder);
  }

  /** While it is down: with these parameters besides, or in the place of, its own; with an empty log, and an empty queue. */
  configure(parameters: Parameters): void {
    this.#write(parameters);
    for (const path of [this.#log, ...this.#queued()]) rmSync(path, { force: true });
  }

  get log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
  }

  stored(): Queued[] {
    const files = this.#queued();
    return Array.from({ length: Math.ceil(files.length / BATCH) }, (_, nth) => this.#read(files.slice(nth * BATCH, (nth + 1) * BATCH))).flat();
  }

  #write(parameters: Parameters): void {
    const lines = Object.entries({ ...mainCf(this.#folder), ...parameters }).map(([name, value]) => `${name} = ${value}\n`);
    const path = join(this.#config, "main.cf");
    writeFileSync(path, lines.join(""));
    utimesSync(path, 0, 0); // Postfix waits until it has not been written to for two seconds
  }

  get #log(): string {
    return join(this.#folder, "log");
  }

  #queued(): string[] {
    return ["incoming", "active", "hold", "deferred"].flatMap((queue) => this.#complete(join(this.#folder, "spool", queue)));
  }

  /** Of a file in the queue, the permission to execute it says that it is complete, and that smtpd may say 250. */
  #complete(queue: string): string[] {
    if (!existsSync(queue)) return [];
    const paths = readdirSync(queue, { recursive: true }).map((name) => join(queue, String(name)));
    return paths.filter((path) => {
      const { mode } = statSync(path);
      return (mode & 0o170000) === 0o100000 && (mode & 0o100) !== 0;
    });
  }

  #read(files: readonly string[]): Queued[] {
    const shown = execFileSync(find("postcat")!, ["-c", this.#config, ...files], { encoding: "latin1", maxBuffer: 1e9 });
    return shown.split(/^\*\*\* ENVELOPE RECORDS .*\n/m).slice(1).map((message) => {
      const [envelope = "", content = ""] = message.split(/^\*\*\* (?:MESSAGE CONTENTS|HEADER EXTRACTED) .*\n/m);
      return { recipients: [...envelope.matchAll(/^recipient: ([^\n]+)$/gm)].map(([, address]) => address!), content, envelope };
    });
  }
}
