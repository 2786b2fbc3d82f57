// A Mailman 3 of our own: its folder, ports and processes are nobody else's.

import { execFileSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, quietPort, Server, until } from "../accounting/processes.js";
import { Admin } from "./admin.js";

/** Where Debian's mailman3 has its programs. */
const PROGRAMS = "/usr/lib/mailman3/bin";
const MASTER = join(PROGRAMS, "master");
/** Each of its eight processes takes more than a second of a processor's time to start. */
const PATIENCE_MS = 90_000;
/** Whoever the tests are, the password must be in nothing that a proxy prints. */
export const PASSWORD = "not-to-be-shown";

/** Why there can be no Mailman here. */
export const missing = existsSync(MASTER) ? undefined : "there is no Mailman 3 (Debian's mailman3)";

const configuration = (folder: string, ports: Ports): string => `
[mailman]
site_owner: site-owner@example.test
layout: private
[paths.private]
var_dir: ${folder}
bin_dir: ${PROGRAMS}
etc_dir: $var_dir/etc
pid_file: $var_dir/master.pid
[database]
class: mailman.database.sqlite.SQLiteDatabase
url: sqlite:///$DATA_DIR/mailman.db
[webservice]
hostname: 127.0.0.1
port: ${ports.rest}
admin_user: restadmin
admin_pass: ${PASSWORD}
workers: 2
configuration: ${folder}/etc/gunicorn.cfg
[mta]
incoming: mailman.mta.postfix.LMTP
outgoing: mailman.mta.deliver.deliver
smtp_host: 127.0.0.1
smtp_port: ${ports.smtp}
lmtp_host: 127.0.0.1
lmtp_port: ${ports.lmtp}
configuration: ${folder}/etc/maps.cfg
[dmarc]
resolver_timeout: 1s
resolver_lifetime: 1s
${["archive", "digest", "nntp", "retry", "task"].map((runner) => `[runner.${runner}]\nstart: no\n`).join("")}
${["bounces", "command", "in", "out", "pipeline", "virgin"].map((runner) => `[runner.${runner}]\nsleep_time: 0.1s\n`).join("")}
`;

export const MAP_FORMS = ["hash", "regex"] as const;
export type MapForm = (typeof MAP_FORMS)[number];

interface Ports {
  readonly lmtp: number;
  readonly rest: number;
  /** Where it sends its own mail. */
  readonly smtp: number;
}

export class Mailman {
  readonly ports: Ports;
  readonly cfg: string;
  readonly admin: Admin;
  readonly #folder: string;
  readonly #server: Server;

  private constructor(folder: string, ports: Ports) {
    this.#folder = folder;
    this.ports = ports;
    this.cfg = join(folder, "etc", "mailman.cfg");
    this.admin = new Admin(ports.rest, PASSWORD);
    const us = process.getuid!() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {}; // root is refused
    mkdirSync(join(folder, "etc"), { recursive: true });
    this.writeMapsAs("hash");
    writeFileSync(join(folder, "etc", "gunicorn.cfg"), "[gunicorn]\ngraceful_timeout = 2\ntimeout = 60\n");
    writeFileSync(this.cfg, configuration(folder, ports));
    if (us.uid !== undefined) for (const path of [folder, join(folder, "etc")]) chownSync(path, us.uid, us.gid);
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", HOME: folder }; // MAILMAN_VAR_DIR would lead it elsewhere
    this.#server = new Server(ports.lmtp, [MASTER, "-C", this.cfg], folder, { ...us, env, patienceMs: PATIENCE_MS });
  }

  /** `folder` is in one that everybody may enter, and is not there yet. `smtp`: where it sends its own mail. */
  static async in(folder: string, smtp: number): Promise<Mailman> {
    return new Mailman(folder, { lmtp: await quietPort(), rest: await quietPort(), smtp });
  }

  async start(): Promise<void> {
    await this.#server.start();
    await until(() => this.admin.answers(), "Mailman's REST API answers", PATIENCE_MS);
  }

  /** All of it, at once. */
  kill(): Promise<void> {
    return this.#server.kill();
  }

  /** As `mailman restart` does. Resolves when the signal is sent, not when it has restarted. */
  restart(): void {
    process.kill(this.#server.pid!, "SIGUSR1");
  }

  /** To one of its processes, and to those that it has started. */
  signal(runner: "lmtp" | "rest", signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
    const pids = this.#pids(runner);
    if (pids.length === 0) throw new Error(`Mailman has no process for ${runner}`);
    for (const pid of pids) process.kill(pid, signal);
  }

  /** Its master does not start again what was killed. */
  async killRunner(runner: "lmtp" | "rest"): Promise<void> {
    this.signal(runner, "SIGKILL");
    await until(async () => !(await accepts(this.ports[runner])), `Mailman's port for ${runner} is closed`);
  }

  /** The form of the maps from the next change of a list on. */
  writeMapsAs(form: MapForm): void {
    writeFileSync(join(this.#folder, "etc", "maps.cfg"), `[postfix]\npostmap_command: /bin/true\ntransport_file_type: ${form}\n`);
  }

  /** A configuration that says the same as Mailman's own but for some lines. */
  variant(name: string, lines: string): string {
    const path = join(this.#folder, "etc", `${name}.cfg`);
    writeFileSync(path, `[meta]\nextends: mailman.cfg\n${lines}\n`);
    return path;
  }

  /** A configuration that leads to another folder of maps: to a copy of them as they are now, or to one that is empty. Gives the folder, too. */
  elsewhere(name: string, maps: "copied" | "none", lines = ""): { readonly cfg: string; readonly data: string } {
    const data = join(this.#folder, name, "data");
    if (maps === "copied") cpSync(join(this.#folder, "data"), data, { recursive: true, filter: (path) => !path.includes("mailman.db") });
    else mkdirSync(data, { recursive: true });
    return { cfg: this.variant(name, `[paths.private]\nvar_dir: ${join(this.#folder, name)}\n${lines}`), data };
  }

  /** Whose command line names our configuration and the runner. */
  #pids(runner: string): number[] {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.filter((pid) => {
      const words = commandLine(pid);
      return words.includes(this.cfg) && words.some((word) => word.startsWith(`--runner=${runner}:`));
    }).map(Number);
  }
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended
  }
}

function idOf(which: "-u" | "-g"): number {
  return Number(execFileSync("id", [which, "list"]));
}
