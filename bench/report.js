// Tables: as Markdown, as JSON, and kept: bench/results/NAME.json and NAME.svg, and the place in docs/benchmarks.md that shows them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { draw } from "./chart.js";
import { reached } from "./measure.js";
import { OPTIONS } from "./options.js";

const RESULTS = new URL("results/", import.meta.url);
const DOCUMENT = new URL("../docs/benchmarks.md", import.meta.url);

/** @typedef {import("./measure.js").Cell} Cell */
/** @typedef {{ unit: string, ratio?: string }} Column what is measured, and what the ratio beside it is to; none where it is a share itself */
/** @typedef {{ name: string, cells: (Cell | null)[], absent?: string }} Row `absent`: why there are no cells */
/** @typedef {{ title: string, columns: Column[], rows: Row[] }} Table */
/** @typedef {{ bench: string, node: string, machine: string, quick: boolean, tables: Table[] }} Result */

/** What a bench ends with. @param {string} bench @param {Table[]} tables */
export function report(bench, tables) {
  /** @type {Result} */
  const result = { bench, node: process.version, machine: `${process.platform} ${process.arch}, ${cpus().length} cores`, quick: OPTIONS.quick, tables };
  console.log(OPTIONS.json ? JSON.stringify(result) : markdown(result));
  if (OPTIONS.keep) keep(result);
}

/** @param {Result} result */
export function markdown({ node, machine, tables }) {
  return [`Node ${node}, ${machine}.`, ...tables.map(tableText)].join("\n\n");
}

/** @param {Table} table */
function tableText({ title, columns, rows }) {
  const head = ["", ...columns.flatMap(({ unit, ratio }) => (ratio === undefined ? [unit] : [unit, ratio]))];
  const rule = ["---", ...columns.flatMap(({ ratio }) => (ratio === undefined ? ["---:"] : ["---:", "---"]))];
  const lines = rows.map(({ name, cells, absent }) => {
    if (absent !== undefined) return [name, `absent: ${absent}`, ...head.slice(2).map(() => "")];
    return [name, ...cells.flatMap((cell, at) => cellTexts(cell).slice(0, columns[at].ratio === undefined ? 1 : 2))];
  });
  return `${title}\n\n${[head, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n")}`;
}

/** @param {Cell | null} cell @returns {[string, string]} */
function cellTexts(cell) {
  if (cell === null || !Number.isFinite(cell.median)) return ["", ""];
  const { median, base, ratio, goal } = cell;
  const beside = base === true ? "1" : ratio === undefined ? "not measured" : `${short(ratio.median)} (${short(ratio.low)} to ${short(ratio.high)})`;
  if (goal === undefined) return [engineering(median), beside];
  const asked = goal.least === undefined ? `≤ ${engineering(goal.most ?? NaN)}` : `≥ ${engineering(goal.least)}`;
  return [engineering(median), `${beside}, asked ${asked}${reached(cell) === false ? ": **not yet**" : ""}`];
}

/** @param {Result} result */
function keep(result) {
  const { bench } = result;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(new URL(`${bench}.json`, RESULTS), `${JSON.stringify(result, (_, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value), 1)}\n`);
  const shown = kept(bench); // rounded, as the file has it
  writeFileSync(new URL(`${bench}.svg`, RESULTS), draw(shown));
  writeFileSync(DOCUMENT, inserted(readFileSync(DOCUMENT, "utf8"), shown));
}

/** What was kept of a bench. @param {string} bench @returns {Result} */
export function kept(bench) {
  return JSON.parse(readFileSync(new URL(`${bench}.json`, RESULTS), "utf8"));
}

/** The document with a result between its two marks. @param {string} text @param {Result} result */
export function inserted(text, result) {
  const [begin, end] = [`<!-- ${result.bench} -->`, `<!-- /${result.bench} -->`];
  const [before, rest] = split(text, begin);
  const [, after] = split(rest, end);
  return `${before}${begin}\n\n${markdown(result)}\n\n${end}${after}`;
}

/** @param {string} text @param {string} mark @returns {[string, string]} */
function split(text, mark) {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`docs/benchmarks.md has no ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

/** @param {number} value */
export function engineering(value) {
  const [factor, suffix] = value >= 1e9 ? [1e9, " G"] : value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
  return short(value / factor) + suffix;
}

/** @param {number} value */
export function short(value) {
  return value >= 99.5 || value === 0 ? value.toFixed() : value < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}
