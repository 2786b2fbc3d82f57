// What connections cost that say nothing: resident memory behind EHLO; and how long a server takes from its start to its first 220.

import { connect } from "node:net";
import { beside, interleaved } from "../measure.js";
import { unlessQuick } from "../options.js";
import { sleep } from "../processes.js";
import { started } from "./load.js";

/** Before the last; more at the end. */
const CONNECTIONS = unlessQuick([1_000, 5_000], [20, 50]);
const ROUNDS = unlessQuick(5, 1);
const STARTS = unlessQuick(15, 1);
/** Opened at a time: no more than wait in a server's backlog. */
const AT_A_TIME = 100;
const PATIENCE_MS = 20_000;
/** Until a server has done what it does behind an EHLO. */
const SETTLE_MS = unlessQuick(500, 50);
/** Of ours at 5,000 connections, each. */
const OCTETS_EACH = 6_500;

/** @typedef {import("../servers/index.js").Server} Server */

/** @param {Server[]} all @returns {Promise<import("../report.js").Table>} */
export async function memory(all) {
  const seen = new Map(all.map((server) => [server, /** @type {number[][]} */ ([])]));
  await interleaved(all, async (server) => void seen.get(server)?.push(await resident(server)), { rounds: ROUNDS, warmUp: 0 });
  const columns = ["MB at none", ...CONNECTIONS.map((count) => `MB at ${count}`), "octets each"].map((unit) => ({ unit, ratio: "smtpd ×" }));
  const figures = (/** @type {Server} */ server) => [0, 1, 2, 3].map((column) => (seen.get(server) ?? []).map((round) => round[column]));
  const found = all.map(figures);
  const goals = [undefined, undefined, undefined, { most: OCTETS_EACH }];
  const rows = all.map(({ name }, at) => ({ name, cells: found[at].map((values, column) => beside(values, found[0][column], at === 0 ? goals[column] : undefined)) }));
  return { title: "Resident memory with idle connections, behind EHLO", columns, rows };
}

/** MB at none, at some, at all connections, and octets each. @param {Server} server */
async function resident(server) {
  const { port, program } = await started(server);
  await sleep(SETTLE_MS);
  const figures = [program.resident()];
  /** @type {import("node:net").Socket[]} */
  const sockets = [];
  for (const count of CONNECTIONS) {
    while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - sockets.length) }, () => greeted(port)))));
    await sleep(SETTLE_MS);
    figures.push(program.resident());
  }
  for (const socket of sockets) socket.destroy();
  await program.stop();
  return [...figures.map((octets) => octets / 1e6), (figures[2] - figures[0]) / CONNECTIONS[1]];
}

/** A connection behind EHLO. @param {number} port @returns {Promise<import("node:net").Socket>} */
function greeted(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let said = "";
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error("no answer to EHLO")));
    socket.once("connect", () => socket.setNoDelay(true)).once("error", reject).on("error", () => {});
    socket.on("data", (octets) => {
      if (said === "") socket.write("EHLO client.example\r\n");
      said += octets.toString("latin1");
      if (!/^250 .*\r\n$/m.test(said)) return;
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/** @param {Server[]} all @returns {Promise<import("../report.js").Table>} */
export async function starting(all) {
  const seen = new Map(all.map((server) => [server, /** @type {number[]} */ ([])]));
  await interleaved(all, async (server, at) => {
    const began = performance.now();
    const { program } = await started(server);
    if (at >= 0) seen.get(server)?.push(performance.now() - began);
    await program.stop();
  }, { rounds: STARTS, warmUp: 1 });
  const ours = seen.get(all[0]) ?? [];
  const rows = all.map((server) => ({ name: server.name, cells: [beside(seen.get(server) ?? [], ours, server.name === "canned" ? { most: 1.1 } : undefined)] }));
  return { title: "From a program's start to its first 220", columns: [{ unit: "ms", ratio: "smtpd ×" }], rows };
}
