// Servers that are killed and started again at the same port.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 20_000;
const POLL_MS = 10;

/**
 * It leads a process group, and is killed together with all that it has started. Such a group is not the terminal's: when we end,
 * however that comes about, a pipe closes, and it is killed too.
 */
const WHILE_WE_LIVE = 'exec 3<&0; { read -r _ <&3; kill -KILL 0; } & exec "$@" </dev/null 3<&-';

/** Another user than ours, another environment; how long it may take to start. */
export interface As { readonly uid?: number; readonly gid?: number; readonly env?: NodeJS.ProcessEnv; readonly patienceMs?: number }

export class Server {
  readonly port: number;
  /** How often it was killed. */
  kills = 0;
  /** How often it ended and nobody had killed it. */
  deaths = 0;
  /** All that it has printed on standard error. */
  stderr = "";
  readonly #command: readonly string[];
  readonly #folder: string;
  readonly #as: As;
  #child: ChildProcess | undefined;

  /** Runs in that folder. */
  constructor(port: number, command: readonly string[], folder: string, as: As = {}) {
    this.port = port;
    this.#command = command;
    this.#folder = folder;
    this.#as = as;
  }

  /** While it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const { patienceMs, ...as } = this.#as;
    const child = spawn("sh", ["-c", WHILE_WE_LIVE, "sh", ...this.#command], { ...as, cwd: this.#folder, detached: true, stdio: ["pipe", "ignore", "pipe"] });
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    let failure: string | undefined;
    child.once("error", ({ message }) => (failure = message));
    child.once("exit", (code, signal) => {
      failure = String(code ?? signal);
      if (this.#child === child) this.deaths += 1;
    });
    await until(async () => failure !== undefined || (await accepts(this.port)), `port ${this.port} is listened on`, patienceMs);
    if (failure !== undefined) throw new Error(`${this.#command[0]} does not start: ${failure} ${this.stderr}`);
  }

  /** SIGKILL. Resolves when nobody listens at its port any more: what it has started may live for a moment longer. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.kills += 1;
    const exit = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exit;
    await until(async () => !(await accepts(this.port)), `port ${this.port} is free`);
  }
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
}

export async function until(holds: () => Promise<boolean>, what: string, patienceMs = PATIENCE_MS): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it never came to this: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Below those that the kernel gives to clients: no client has it for its own end while the server that it belongs to is down. */
const LOWEST_PORT = 20_000;
const PORTS = 12_000;
let nextPort = (process.pid * 64) % PORTS;

export async function quietPort(): Promise<number> {
  for (;;) {
    const port = LOWEST_PORT + (nextPort++ % PORTS);
    const probe = createServer().listen(port, "127.0.0.1");
    const free = await Promise.race([once(probe, "listening").then(() => true), once(probe, "error").then(() => false)]).catch(() => false);
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

/** Where a program is. Servers are not on everybody's path. */
export function find(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
