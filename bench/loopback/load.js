// Servers under the same load, in turn: messages a second, and the CPU that the server needs for one.

import { interleaved } from "../measure.js";
import { unlessQuick } from "../options.js";
import { freePort, Program } from "../processes.js";

/** A round of one server: what tells CPU apart in ticks of 10 ms, and ends. */
const ROUND_SECONDS = unlessQuick(0.6, 0.03);
const ROUNDS = unlessQuick(11, 2);
/** Not counted: first it is found how many messages a round takes, then compilers learn, on a machine that others use too. */
const WARM_UP = unlessQuick(6, 1);
/** From one round to the next, before they count, the messages grow by this at the most. */
const GROWTH = 20;

/** @typedef {import("../servers/index.js").Server} Server */
/** @typedef {(port: number, messages: number) => Promise<number>} Send gives seconds */
/** @typedef {{ server: Server, port: number, program: Program, messages: number, rates: number[], cpu: number[] }} Lane */

/** A server in a process of its own, behind its first 220. @param {Server} server @returns {Promise<{ port: number, program: Program }>} */
export async function started(server) {
  const port = await freePort();
  const program = new Program(server.start(port), { asked: server.asked });
  await program.greets(port);
  return { port, program };
}

/** @param {Server[]} all those that are there @param {number} least messages in a round @param {Send} send @returns {Promise<Lane[]>} */
export async function underLoad(all, least, send) {
  const lanes = await Promise.all(all.map(async (server) => ({ server, ...(await started(server)), messages: least, rates: [], cpu: [] })));
  await interleaved(lanes, (lane, at) => round(lane, least, send, at >= 0), { rounds: ROUNDS, warmUp: WARM_UP });
  await Promise.all(lanes.map(({ program }) => program.stop()));
  return lanes;
}

/** Of as many messages as the last round says that there is time for. @param {Lane} lane @param {number} least @param {Send} send @param {boolean} counts */
async function round(lane, least, send, counts) {
  const { messages, program } = lane;
  const before = program.cpuMs();
  const seconds = await send(lane.port, messages);
  const cpuMs = program.cpuMs() - before;
  if (counts) lane.rates.push(messages / seconds);
  if (counts) lane.cpu.push(cpuMs / messages);
  else lane.messages = Math.max(least, Math.min(messages * GROWTH, Math.round((messages * ROUND_SECONDS) / seconds)));
}
