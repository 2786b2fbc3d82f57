// Where our server spends its time under load: functions by their self time, in per cent of the time in which it was not idle.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { shapes } from "./loopback/shapes.js";
import { unlessQuick } from "./options.js";
import { freePort, Program, script } from "./processes.js";
import { report } from "./report.js";
import { scratch } from "./scratch.js";

const SHAPES = ["keep", "conn", "pipe5", "big"];
const LOAD_MS = unlessQuick(4_000, 100);
const INTERVAL_US = 250;
const FUNCTIONS = 20;

/** @typedef {{ id: number, callFrame: { functionName: string, url: string, lineNumber: number } }} Node */

/** @param {import("./loopback/shapes.js").Shape} shape @returns {Promise<Map<string, number>>} microseconds of each function itself */
async function profiled(shape) {
  const folder = scratch("profile", {});
  const port = await freePort();
  const program = new Program(script("servers/discard.js", [port], ["--cpu-prof", `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`]), { asked: true });
  await program.greets(port);
  const first = shape.least * 10;
  const seconds = await shape.send(port, first);
  await shape.send(port, Math.max(first, Math.round((first * LOAD_MS) / (seconds * 1000))));
  await program.stop(true);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]), "utf8"));
  const names = new Map(nodes.map((/** @type {Node} */ node) => [node.id, nameOf(node)]));
  const times = new Map();
  samples.forEach((/** @type {number} */ id, /** @type {number} */ at) => times.set(names.get(id), (times.get(names.get(id)) ?? 0) + timeDeltas[at]));
  times.delete("(idle)");
  return times;
}

/** @param {Node} node */
function nameOf({ callFrame: { functionName, url, lineNumber } }) {
  const file = url.replace(/^.*\/(dist|bench)\//, "");
  return file === "" ? functionName : `${functionName || "(anonymous)"}, ${file}:${lineNumber + 1}`;
}

/** @param {import("./loopback/shapes.js").Shape} shape @returns {Promise<import("./report.js").Table>} */
async function table(shape) {
  const columns = [{ unit: "% of its time" }];
  const title = `Self time: ${shape.title}`;
  if (shape.absent !== undefined) return { title, columns, rows: [{ name: "smtpd", cells: [], absent: shape.absent }] };
  const times = await profiled(shape);
  const all = [...times.values()].reduce((sum, each) => sum + each, 0);
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  return { title, columns, rows: most.map(([name, time]) => ({ name, cells: [{ median: (100 * time) / all }] })) };
}

const tables = [];
for (const shape of shapes().filter(({ name }) => SHAPES.includes(name))) tables.push(await table(shape));
report("profile", tables);
