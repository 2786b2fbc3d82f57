// Servers that drop what they take, under load from the same host. Each server and each generator is a process of its own, but for
// groups, which this one sends.

import { memory, starting } from "./loopback/idle.js";
import { underLoad } from "./loopback/load.js";
import { shapes } from "./loopback/shapes.js";
import { beside } from "./measure.js";
import { report } from "./report.js";
import { inOneFile, servers } from "./servers/index.js";

const COLUMNS = [{ unit: "messages/s", ratio: "smtpd ×" }, { unit: "CPU, ms a message", ratio: "smtpd ×" }];

/** @typedef {import("./servers/index.js").Server} Server */

/** @param {import("./loopback/shapes.js").Shape} shape @param {Server[]} all @returns {Promise<import("./report.js").Table>} */
async function table({ title, absent, unfit = {}, goals, least, send }, all) {
  if (absent !== undefined) return { title, columns: COLUMNS, rows: [{ name: "smtpd", cells: [], absent }] };
  const lanes = await underLoad(all.filter((server) => server.absent === undefined && unfit[server.name] === undefined), least, send);
  const rows = all.map(({ name, ...server }) => {
    const found = lanes.find((each) => each.server.name === name);
    if (found === undefined) return { name, cells: [], absent: server.absent ?? unfit[name] };
    return { name, cells: [beside(found.rates, lanes[0].rates, goals[name]?.rate), beside(found.cpu, lanes[0].cpu, goals[name]?.cpu)] };
  });
  return { title, columns: COLUMNS, rows };
}

const all = servers();
const there = all.filter(({ absent }) => absent === undefined);
const tables = [];
for (const shape of shapes()) tables.push(await table(shape, all));
const bundle = await inOneFile();
tables.push(await memory(there), await starting(bundle === undefined ? there : [...there, bundle]));
report("loopback", tables);
