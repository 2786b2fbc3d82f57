// The ratios of a result as SVG: a dot for the median, a line from quartile to quartile, a tick where the goal is. The scale is
// logarithmic: twice as much is as far to the right as half is to the left. Greys and colours are legible on white and on black.

import { reached } from "./measure.js";

const WIDTH = 760;
const NAME_WIDTH = 240;
const ROW_HEIGHT = 15;
const GAP = 14;
/** Columns that stand so close that what they all are relative to is said once. */
const MANY = 2;
const INK = "#767676";
const RULE = "#76767655";
const DOT = "#2f7de1";
const MISSED = "#d1602f";
const STYLE = [
  `text{font:11px system-ui,sans-serif;fill:${INK}}`,
  ".e{text-anchor:end}.m{text-anchor:middle}.b{font-weight:600}",
  `line{stroke:${RULE}}.q{stroke:${DOT};stroke-width:3;stroke-opacity:.45}.g{stroke:${INK};stroke-width:2}`,
  `circle{fill:${DOT}}.x{fill:${MISSED}}`,
].join("");

/** @typedef {import("./report.js").Result} Result */
/** @typedef {import("./report.js").Table} Table */

/** @param {Result} result */
export function draw({ bench, tables }) {
  let top = GAP;
  /** @type {string[]} */
  const panels = [];
  for (const table of tables) {
    const rows = table.rows.filter(({ cells }) => cells.some((cell) => cell?.ratio));
    if (rows.length === 0) continue;
    panels.push(panel({ ...table, rows }, top));
    top += (rows.length + 3) * ROW_HEIGHT + GAP;
  }
  const size = `viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="Ratios of bench ${bench}">\n<style>${STYLE}</style>\n${panels.join("\n")}\n</svg>\n`;
}

/** @param {Table} table @param {number} top */
function panel({ title, columns, rows }, top) {
  const width = (WIDTH - NAME_WIDTH) / columns.length;
  const names = rows.map(({ name }, at) => text(NAME_WIDTH - 8, lineOf(top, at), "e", name));
  const headings = columns.map(({ unit, ratio }) => (columns.length > MANY ? unit : `${unit}: ${ratio}`));
  const plots = headings.map((heading, index) => plot(heading, rows.map(({ cells }) => cells[index]), NAME_WIDTH + index * width, width - GAP, top));
  return [text(0, top, "b", columns.length > MANY ? `${title}; ${columns[0].ratio}` : title), ...names, ...plots].join("\n");
}

/** @param {string} heading @param {(import("./measure.js").Cell | null | undefined)[]} cells @param {number} left @param {number} width @param {number} top */
function plot(heading, cells, left, width, top) {
  const values = cells.flatMap((cell) => (cell?.ratio ? [cell.ratio.low, cell.ratio.high, cell.goal?.least ?? cell.goal?.most ?? 1] : []));
  const [low, high] = [Math.log10(Math.min(0.8, ...values)), Math.log10(Math.max(1.25, ...values))];
  /** @param {number} value */
  const x = (value) => round(left + ((Math.log10(value) - low) / (high - low)) * width);
  const bottom = top + (cells.length + 1) * ROW_HEIGHT + 4;
  const ticks = decades(low, high).map((value) => `<line x1="${x(value)}" y1="${top + ROW_HEIGHT + 4}" x2="${x(value)}" y2="${bottom}"/>${text(x(value), bottom + 12, "m", String(value))}`);
  const marks = cells.map((cell, at) => (cell?.ratio ? mark(cell, x, lineOf(top, at) - 4) : ""));
  return [text(left, top + ROW_HEIGHT, "", heading), ...ticks, ...marks].join("\n");
}

/** @param {import("./measure.js").Cell} cell @param {(value: number) => number} x @param {number} y */
function mark(cell, x, y) {
  const { median, low, high } = /** @type {import("./measure.js").Spread} */ (cell.ratio);
  const goal = cell.goal?.least ?? cell.goal?.most;
  const tick = goal === undefined ? "" : `<line class="g" x1="${x(goal)}" y1="${y - 5}" x2="${x(goal)}" y2="${y + 5}"/>`;
  return `<line class="q" x1="${x(low)}" y1="${y}" x2="${x(high)}" y2="${y}"/>${tick}<circle${reached(cell) === false ? ' class="x"' : ""} cx="${x(median)}" cy="${y}" r="3.5"/>`;
}

/** Powers of ten between two logarithms; where there is only 1, halves and doubles too. @param {number} low @param {number} high */
function decades(low, high) {
  const found = [];
  for (let power = Math.ceil(low); power <= high; power++) found.push(Number(`1e${power}`));
  return found.length > 1 ? found : [0.25, 0.5, 1, 2, 4].filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
}

/** @param {number} top @param {number} at */
function lineOf(top, at) {
  return top + (at + 2) * ROW_HEIGHT;
}

/** @param {number} x @param {number} y @param {string} kind @param {string} content */
function text(x, y, kind, content) {
  return `<text${kind && ` class="${kind}"`} x="${x}" y="${y}">${content.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
