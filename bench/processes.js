// Programs in processes of their own: started, asked, measured through /proc, and ended by their own pid. Every wait is bounded.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** From a program's start to its greeting: ten times what the slowest takes. */
const START_MS = 20_000;
const ANSWER_MS = 20_000;
/** Between two tries to connect to what has not begun to listen. */
const RETRY_MS = 2;
/** utime and stime are counted in these, on every Linux that Node runs on (proc(5), USER_HZ). */
const TICK_MS = 10;
/** Of what a program says on standard error, when it has ended. */
const LAST_WORDS = 500;

/** @typedef {{ command: string, args: readonly string[], cwd?: string }} Start how a program is started */

/** A script of ours, or of bench/peers. @param {string} path relative to bench/ @param {readonly unknown[]} args @param {readonly string[]} [options] Node's @returns {Start} */
export function script(path, args, options = []) {
  return { command: process.execPath, args: [...options, fileURLToPath(new URL(path, import.meta.url)), ...args.map(String)] };
}

export class Program {
  /** @type {Set<Program>} */
  static #running = new Set();
  #process;
  #words = "";
  /** @type {Promise<void>} */
  #ended;

  static {
    process.on("exit", () => [...Program.#running].forEach((each) => each.#process.kill("SIGKILL")));
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));
  }

  /** @param {Start} start @param {{ asked?: boolean }} [options] `asked`: it answers questions, and ends with us */
  constructor({ command, args, cwd }, { asked = false } = {}) {
    this.#process = spawn(command, args, { cwd, stdio: ["ignore", "ignore", "pipe", ...(asked ? /** @type {const} */ (["ipc"]) : [])] });
    Program.#running.add(this);
    this.#process.stderr?.on("data", (octets) => (this.#words = (this.#words + octets).slice(-LAST_WORDS)));
    this.#ended = new Promise((resolve) => this.#process.once("exit", () => resolve()));
    this.#process.once("error", (error) => (this.#words += error.message));
  }

  /** @returns {Promise<void>} when it has said 220 @param {number} port */
  async greets(port) {
    const until = performance.now() + START_MS;
    while (!(await greeting(port))) {
      if (this.#process.exitCode !== null || performance.now() > until) throw new Error(`no greeting; ${JSON.stringify(this.#words)}`);
      await sleep(RETRY_MS);
    }
  }

  /** @param {string} question @param {unknown} [value] @returns {Promise<any>} */
  ask(question, value) {
    return inTime(new Promise((resolve) => {
      this.#process.once("message", resolve);
      this.#process.send({ question, value });
    }), question);
  }

  /** Milliseconds of CPU, user and system, its children's too; NaN where there is no /proc. */
  cpuMs() {
    return tree(this.#process.pid).reduce((sum, pid) => {
      const fields = statOf(pid).slice(11, 15); // utime, stime, cutime, cstime
      return sum + fields.reduce((ticks, each) => ticks + Number(each), 0) * TICK_MS;
    }, 0);
  }

  /** Octets of resident memory, its children's too; NaN where there is no /proc. */
  resident() {
    return tree(this.#process.pid).reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(proc(`${pid}/status`) ?? "")?.[1] ?? NaN) * 1024, 0);
  }

  /** Until it is gone. */
  async stop() {
    this.#process.kill("SIGKILL");
    await inTime(this.#ended, "end");
    Program.#running.delete(this);
  }
}

/** Runs a program to its end; gives seconds. Throws where it fails, or takes longer than it may. @param {Start} start @param {number} mostMs */
export async function run({ command, args }, mostMs) {
  const began = process.hrtime.bigint();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"], timeout: mostMs });
  let words = "";
  child.stderr.on("data", (octets) => (words = (words + octets).slice(-LAST_WORDS)));
  const [code, seconds] = await new Promise((resolve, reject) => {
    child.once("exit", (status) => resolve([status, Number(process.hrtime.bigint() - began) / 1e9]));
    child.once("error", reject);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${JSON.stringify(words)}`);
  return seconds;
}

/** A port on 127.0.0.1 that nobody listens on. @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {number} ms */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
async function inTime(promise, what) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no answer to ${what}`)), ANSWER_MS)));
  return Promise.race([promise, /** @type {Promise<never>} */ (late)]).finally(() => clearTimeout(timer));
}

/** Whether a 220 comes. @param {number} port @returns {Promise<boolean>} */
function greeting(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: START_MS });
    socket.once("error", () => resolve(false)).once("timeout", () => socket.destroy()).once("close", () => resolve(false));
    socket.once("data", (octets) => {
      resolve(octets.toString("latin1").startsWith("220"));
      socket.end("QUIT\r\n").resume();
    });
  });
}

/** A process and those that it has started. @param {number | undefined} pid @returns {number[]} */
function tree(pid) {
  const children = (proc(`${pid}/task/${pid}/children`) ?? "").trim().split(" ").filter(Boolean).map(Number);
  return [pid ?? NaN, ...children.flatMap(tree)];
}

/** What stands behind the name, which may hold anything. @param {number} pid */
function statOf(pid) {
  return proc(`${pid}/stat`)?.replace(/^.*\) /s, "").split(" ") ?? ["", "", "", "", "", "", "", "", "", "", "", "NaN"];
}

/** @param {string} path */
function proc(path) {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return undefined;
  }
}
