// Relays with the same next hop, under the same load: generator, relay and next hop are a process each. Then the relay's memory,
// while a message passes that is larger than it should ever be.

import { underLoad, started } from "./loopback/load.js";
import { NO_SOURCE, source } from "./loopback/source.js";
import { beside, interleaved } from "./measure.js";
import { unlessQuick } from "./options.js";
import { sleep } from "./processes.js";
import { NODEMAILER, relays } from "./relay/relays.js";
import { report } from "./report.js";
import { servers } from "./servers/index.js";

const COLUMNS = [{ unit: "messages/s", ratio: "smtpd ×" }, { unit: "CPU, ms a message", ratio: "smtpd ×" }];
const SHAPES = [
  { title: "20 kept connections, messages of 1 KB", octets: 1_024, least: 20, args: ["-d", "-s", "20"], goals: { "canned relay": 0.85, [NODEMAILER]: 4.5 } },
  { title: "A connection for each message of 1 KB, 20 at a time", octets: 1_024, least: 20, args: ["-s", "20"], goals: {} },
  { title: "4 kept connections, messages of 10 MB", octets: 10_485_760, least: 4, args: ["-d", "-s", "4"], goals: { "canned relay": 0.85, [NODEMAILER]: 8 } },
];
/** What a relay has seen before its memory is watched: so much that its heap has the size that it will keep. */
const BEFORE = { octets: 1_000_000, messages: 20 };
const LARGE_OCTETS = 200_000_000;
/** The next hop stops reading in the middle of it. */
const PAUSE = { octets: LARGE_OCTETS / 4, ms: 1_500 };
const MEMORY_ROUNDS = unlessQuick(3, 1);
const SAMPLE_MS = 10;
/** How much smtpd is to grow meanwhile at the most; and by how much it may not grow in any case, which would be to keep the message. */
const GROWTH_MB = 16;
const KEPT_MB = 100;

/** @typedef {import("./servers/index.js").Server} Server */

const canned = /** @type {Server} */ (servers().find(({ name }) => name === "canned"));
const { port: upstreamPort, program: upstream } = await started(canned);
const all = relays(upstreamPort);
const there = all.filter(({ absent }) => absent === undefined);

/** Sends, and throws where the next hop does not have it all then. @param {import("./loopback/load.js").Send} send @param {number} octets of a message @returns {import("./loopback/load.js").Send} */
function counted(send, octets) {
  return async (port, messages) => {
    const before = await upstream.ask("usage");
    const seconds = await send(port, messages);
    const after = await upstream.ask("usage");
    const taken = { messages: after.messages - before.messages, octets: after.octets - before.octets };
    const all = taken.messages === messages && taken.octets >= messages * octets;
    if (!all) throw new Error(`sent ${messages} of ${octets} octets; the next hop has ${JSON.stringify(taken)}`);
    return seconds;
  };
}

/** @param {typeof SHAPES[number]} shape @returns {Promise<import("./report.js").Table>} */
async function table({ title, octets, least, args, goals }) {
  const lanes = await underLoad(there, least, counted(source(...args, "-l", String(octets)), octets));
  const rows = all.map(({ name, absent }) => {
    const found = lanes.find(({ server }) => server.name === name);
    if (found === undefined) return { name, cells: [], absent };
    const asked = /** @type {Record<string, number>} */ (goals)[name];
    return { name, cells: [beside(found.rates, lanes[0].rates, asked === undefined ? undefined : { least: asked }), beside(found.cpu, lanes[0].cpu)] };
  });
  return { title, columns: COLUMNS, rows };
}

/** @param {string} title @param {typeof PAUSE} [pause] @returns {Promise<import("./report.js").Table>} */
async function memory(title, pause) {
  const seen = new Map(there.map((relay) => [relay, /** @type {number[][]} */ ([])]));
  await interleaved(there, async (relay) => void seen.get(relay)?.push(await grown(relay, pause)), { rounds: MEMORY_ROUNDS, warmUp: 0 });
  const figures = there.map((relay) => [0, 1, 2, 3].map((column) => (seen.get(relay) ?? []).map((round) => round[column])));
  const columns = ["MB before", "MB at most", "MB grown", "seconds"].map((unit) => ({ unit, ratio: "smtpd ×" }));
  const goals = [undefined, undefined, { most: GROWTH_MB }, undefined];
  const cells = (/** @type {number} */ at) => figures[at].map((values, column) => beside(values, figures[0][column], at === 0 ? goals[column] : undefined));
  return { title, columns, rows: there.map(({ name }, at) => ({ name, cells: cells(at) })) };
}

/** MB before and at the most, what lies between, and seconds. @param {Server} relay @param {typeof PAUSE} [pause] */
async function grown(relay, pause) {
  const { port, program } = await started(relay);
  await counted(source("-d", "-l", String(BEFORE.octets)), BEFORE.octets)(port, BEFORE.messages);
  await sleep(SAMPLE_MS);
  if (pause !== undefined) await upstream.ask("pause", pause);
  const before = program.resident();
  let most = before;
  const sampling = setInterval(() => (most = Math.max(most, program.resident())), SAMPLE_MS);
  const seconds = await counted(source("-l", String(LARGE_OCTETS)), LARGE_OCTETS)(port, 1);
  clearInterval(sampling);
  await program.stop();
  if (relay === there[0] && most - before > KEPT_MB * 1e6) throw new Error(`smtpd grows with the message: by ${most - before} octets`);
  return [before / 1e6, most / 1e6, (most - before) / 1e6, seconds];
}

/** @returns {Promise<import("./report.js").Table[]>} */
async function tables() {
  if (NO_SOURCE.absent !== undefined) return [{ title: SHAPES[0].title, columns: COLUMNS, rows: [{ name: "smtpd", cells: [], ...NO_SOURCE }] }];
  const found = [];
  for (const shape of SHAPES) found.push(await table(shape));
  const large = `Resident memory while a message of ${LARGE_OCTETS / 1e6} MB passes`;
  return [...found, await memory(large), await memory(`${large}, and the next hop pauses for ${PAUSE.ms / 1000} s`, PAUSE)];
}

const found = await tables();
await upstream.stop();
report("relay", found);
