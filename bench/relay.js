// Messages through PureProxy, and beside it, in the same rounds, through a TCP proxy that knows nothing of SMTP: client, proxy and
// upstream are a process each. Then the proxy's memory, while a message passes that is larger than it should ever be.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { engineering, quantile, short } from "./measure.js";
import { Client, message } from "./relay/client.js";

const ROUNDS = 11;
const WARM_UP = 3;
const BASE = "bare TCP proxy";
/** Contestants and their role in processes.js; "direct" has no process. */
const CONTESTANTS = { [BASE]: "tcp", "PureProxy": "pure", "canned relay": "canned", "no proxy at all": undefined };
const SHAPES = [
  { title: "20 sessions kept open, messages of 1 KB", sessions: 20, octets: 1_000, messages: 1_600, kept: true },
  { title: "A connection for each message of 1 KB, 20 at a time", sessions: 20, octets: 1_000, messages: 300, kept: false },
  { title: "4 sessions kept open, messages of 10 MB", sessions: 4, octets: 10_000_000, messages: 8, kept: true },
];
const LARGE = 200_000_000;
const PAUSE = { octets: 50_000_000, ms: 1_500 };
/** The proxy may grow by this much while a message of LARGE octets passes: buffers that were not collected yet. */
const MAY_GROW = 100_000_000;

/** @typedef {{ messages: number, octets: number, cpuMs: number }} Usage */
/** @typedef {{ rate: number, megabytes: number, cpuMs: number, slowMs: number }} Result */

/** No run takes as long: something stands still. */
const DEADLINE_MS = 180_000;

/** A process of processes.js. It ends with this one at the latest. */
class Child {
  /** @type {Set<Child>} */
  static running = new Set();
  #process;

  /** @param {string} role @param {number} [upstream] the port */
  constructor(role, upstream) {
    this.#process = fork(fileURLToPath(new URL("relay/processes.js", import.meta.url)), [role, ...(upstream ? [String(upstream)] : [])]);
    this.#process.on("exit", (code) => {
      if (code !== null) throw new Error(`${role} has ended with ${code}`); // null: it was stopped below
    });
    Child.running.add(this);
    /** @type {Promise<number>} */
    this.port = this.#answer();
  }

  /** @param {string} question @param {unknown} [value] @returns {Promise<any>} */
  ask(question, value) {
    this.#process.send({ question, value });
    return this.#answer();
  }

  /** @returns {Promise<any>} */
  #answer() {
    return new Promise((resolve) => this.#process.once("message", resolve));
  }

  stop() {
    Child.running.delete(this);
    this.#process.kill("SIGKILL");
  }
}

process.on("exit", () => [...Child.running].forEach((child) => child.stop()));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
setTimeout(() => { throw new Error("it does not end"); }, DEADLINE_MS).unref();

const upstream = new Child("upstream");
const upstreamPort = await upstream.port;
const pieces = SHAPES.map(({ octets }) => message(octets));

/** Runs `work`; counts what upstream took meanwhile, and throws where that is not what was sent. @param {number} messages @param {number} octets @param {() => Promise<unknown>} work */
async function counted(messages, octets, work) {
  const before = await upstream.ask("usage");
  await work();
  const after = await upstream.ask("usage");
  const taken = { messages: after.messages - before.messages, octets: after.octets - before.octets };
  if (taken.messages !== messages || taken.octets < octets) throw new Error(`sent ${messages} messages of ${octets} octets, but upstream has ${JSON.stringify(taken)}`);
}

/** @param {readonly Uint8Array[]} blocks */
function lengthOf(blocks) {
  return blocks.reduce((sum, { length }) => sum + length, 0);
}

/** One round of one contestant. @param {typeof SHAPES[number]} shape @param {number} port @param {Client[]} clients @param {Child | undefined} proxy @returns {Promise<Result>} */
async function round(shape, port, clients, proxy) {
  const blocks = pieces[SHAPES.indexOf(shape)];
  const octets = lengthOf(blocks) * shape.messages;
  /** @type {number[]} */
  const times = [];
  let left = shape.messages;
  const cpuBefore = (await proxy?.ask("usage"))?.cpuMs ?? NaN;
  const began = performance.now();
  let ended = began;
  await counted(shape.messages, octets, async () => {
    await Promise.all(Array.from({ length: shape.sessions }, async (_, index) => {
      while (left-- > 0) {
        const from = performance.now();
        const client = shape.kept ? clients[index] : await Client.open(port);
        await client.send(blocks);
        if (!shape.kept) await client.quit();
        times.push(performance.now() - from);
      }
    }));
    ended = performance.now();
  });
  const seconds = (ended - began) / 1000;
  const cpuMs = ((await proxy?.ask("usage"))?.cpuMs ?? NaN) - cpuBefore;
  const slowMs = quantile(times.sort((a, b) => a - b), 0.99);
  return { rate: shape.messages / seconds, megabytes: octets / seconds / 1e6, cpuMs: cpuMs / shape.messages, slowMs };
}

/** @param {typeof SHAPES[number]} shape */
async function compare(shape) {
  const names = Object.keys(CONTESTANTS);
  const lanes = await Promise.all(Object.values(CONTESTANTS).map(async (role) => {
    const proxy = role && new Child(role, upstreamPort);
    const port = proxy ? await proxy.port : upstreamPort;
    const clients = await Promise.all(Array.from({ length: shape.kept ? shape.sessions : 0 }, () => Client.open(port)));
    return { proxy: proxy || undefined, port, clients, results: /** @type {Result[]} */ ([]) };
  }));
  for (let at = -WARM_UP; at < ROUNDS; at++) {
    for (const { proxy, port, clients, results } of lanes) {
      const result = await round(shape, port, clients, proxy);
      if (at >= 0) results.push(result);
    }
  }
  for (const { clients } of lanes) await Promise.all(clients.map((client) => client.quit()));
  for (const { proxy } of lanes) proxy?.stop();
  print(shape.title, names, lanes.map(({ results }) => results));
}

/** @param {string} title @param {string[]} names @param {Result[][]} all */
function print(title, names, all) {
  const base = all[names.indexOf(BASE)];
  console.log(`\n${title}\n`);
  console.log(`| | messages/s | MB/s | × ${BASE} | quartiles | CPU, ms a message | × ${BASE} | quartiles | 99 % within, ms |`);
  console.log("| --- | ---: | ---: | ---: | --- | ---: | ---: | --- | ---: |");
  names.forEach((name, index) => {
    const results = all[index];
    const rates = spread(results.map(({ rate }, at) => rate / base[at].rate));
    const cpu = spread(results.map(({ cpuMs }, at) => cpuMs / base[at].cpuMs));
    const [rate, megabytes, cpuMs, slowMs] = /** @type {const} */ (["rate", "megabytes", "cpuMs", "slowMs"]).map((what) => spread(results.map((result) => result[what])).median);
    const costs = Number.isNaN(cpuMs) ? ["", "", ""] : [cpuMs.toPrecision(2), short(cpu.median), cpu.quartiles];
    console.log(`| ${[name, engineering(rate), short(megabytes), short(rates.median), rates.quartiles, ...costs, short(slowMs)].join(" | ")} |`);
  });
}

/** @param {number[]} values */
function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), quartiles: `${short(quantile(sorted, 0.25))} to ${short(quantile(sorted, 0.75))}` };
}

/** Each message through a proxy that has just begun. @param {typeof BASE | "PureProxy"} name @param {number} octets @param {typeof PAUSE | undefined} pause */
async function memory(name, octets, pause) {
  const proxy = new Child(CONTESTANTS[name], upstreamPort);
  const client = await Client.open(await proxy.port);
  await client.send(pieces[0]);
  const blocks = message(octets);
  if (pause !== undefined) await upstream.ask("pause", pause);
  await proxy.ask("watch");
  const began = performance.now();
  await counted(1, lengthOf(blocks), () => client.send(blocks));
  const seconds = (performance.now() - began) / 1000;
  const { start, peak } = await proxy.ask("memory");
  await client.quit();
  proxy.stop();
  const waited = pause === undefined ? "" : `, upstream pauses for ${pause.ms / 1000} s`;
  console.log(`| ${name}, ${octets / 1e6} MB${waited} | ${[start, peak, peak - start].map((each) => short(each / 1e6)).join(" | ")} | ${short(seconds)} |`);
  if (peak - start > MAY_GROW) throw new Error(`${name} grows with the message`);
}

for (const shape of SHAPES) await compare(shape);
console.log("\nResident memory of the proxy while one message passes, MB\n");
console.log("| | at its start | peak | growth | seconds |\n| --- | ---: | ---: | ---: | ---: |");
for (const name of /** @type {const} */ ([BASE, "PureProxy"])) {
  await memory(name, LARGE / 10, undefined);
  await memory(name, LARGE, undefined);
  await memory(name, LARGE, PAUSE);
}
upstream.stop();
