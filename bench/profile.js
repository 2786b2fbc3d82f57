// Where our server spends its time under load, once it is warm: by where the code is, and functions by their self time, in per cent
// of the time in which it was not idle.

import { shapes } from "./loopback/shapes.js";
import { unlessQuick } from "./options.js";
import { freePort, Program, script } from "./processes.js";
import { report } from "./report.js";

const SHAPES = ["keep", "conn", "pipe5", "big"];
const WARM_UP_SECONDS = unlessQuick(2, 0.05);
const SECONDS = unlessQuick(4, 0.1);
const INTERVAL_US = 250;
const FUNCTIONS = 20;
/** No work, and the profiler's own. */
const ASIDE = new Set(["(idle)", "dispatch"]);
const COLUMNS = [{ unit: "% of its time" }];

/** @typedef {{ functionName: string, url: string, lineNumber: number }} Frame */

/** @param {import("./loopback/shapes.js").Shape} shape @returns {Promise<{ frame: Frame, us: number }[]>} where it was, sample by sample */
async function profiled({ least, send }) {
  const port = await freePort();
  const program = new Program(script("servers/discard.js", [port, "profiled"]), { asked: true });
  await program.greets(port);
  let [messages, rate] = [least, 0];
  for (let seconds = 0; seconds < WARM_UP_SECONDS; messages *= 2) {
    const took = await send(port, messages);
    seconds += took;
    rate = messages / took;
  }
  await program.ask("begin", INTERVAL_US);
  await send(port, Math.max(least, Math.round(rate * SECONDS)));
  const { nodes, samples, timeDeltas } = await program.ask("end");
  await program.stop();
  const frames = new Map(nodes.map((/** @type {{ id: number, callFrame: Frame }} */ { id, callFrame }) => [id, callFrame]));
  return samples
    .map((/** @type {number} */ id, /** @type {number} */ at) => ({ frame: frames.get(id), us: timeDeltas[at] }))
    .filter((/** @type {{ frame: Frame }} */ { frame }) => !ASIDE.has(frame.functionName));
}

/** @param {Frame} frame */
function fileOf({ url }) {
  return url.replace(/^.*\/(dist|bench)\//, "");
}

/** @param {Frame} frame */
function functionOf(frame) {
  const name = frame.functionName || "(anonymous)";
  return frame.url === "" ? name : `${name}, ${fileOf(frame)}:${frame.lineNumber + 1}`;
}

/** Ours, Node's own, or what has no source: system calls and other native code, the collector. @param {Frame} frame */
function placeOf(frame) {
  const file = fileOf(frame);
  if (file === "") return frame.functionName.startsWith("(") ? frame.functionName : "native functions, system calls";
  return file.startsWith("node:") ? "node:" : `${file.split("/")[0]}/`;
}

/** @param {string} title @param {Awaited<ReturnType<typeof profiled>>} samples @param {(frame: Frame) => string} name @returns {import("./report.js").Table} */
function shares(title, samples, name) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const { frame, us } of samples) times.set(name(frame), (times.get(name(frame)) ?? 0) + us);
  const all = samples.reduce((sum, { us }) => sum + us, 0);
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS);
  return { title, columns: COLUMNS, rows: most.map(([each, us]) => ({ name: each, cells: [{ median: (100 * us) / all }] })) };
}

/** @param {import("./loopback/shapes.js").Shape} shape @returns {Promise<import("./report.js").Table[]>} */
async function tables(shape) {
  if (shape.absent !== undefined) return [{ title: shape.title, columns: COLUMNS, rows: [{ name: "smtpd", cells: [], absent: shape.absent }] }];
  const samples = await profiled(shape);
  return [shares(`Where: ${shape.title}`, samples, placeOf), shares(`Functions: ${shape.title}`, samples, functionOf)];
}

const found = [];
for (const shape of shapes().filter(({ name }) => SHAPES.includes(name))) found.push(...(await tables(shape)));
report("profile", found);
