// Octets of mail data per second, in segments of several sizes, beside a copy of the same segments. Unstuffing drops dots and
// counts bare CRs and LFs; the end alone is looked for where the content is not wanted; stuffing doubles dots.

import { decoder, encoder, stuff, unstuff } from "../dist/protocol/index.js";
import { against, ratesOf } from "./measure.js";
import { unlessQuick } from "./options.js";
import { report } from "./report.js";

const SEGMENTS = { "1": 1, "64": 64, "1460": 1_460, "16 K": 16_384, "64 K": 65_536 };
/** So many segments make a run: enough to be seen by the clock, and few enough to stay in the cache. */
const OCTETS = unlessQuick(1_000_000, 131_072);
const FEW_OCTETS = unlessQuick(40_000, 4_000);
const TEXT_LINE_OCTETS = 1_000;

const SHAPES = {
  "text, lines of 72": `${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 72)}\r\n`,
  "base64, lines of 76": `${"QmFzZTY0IGlzIHRleHQs".repeat(4).slice(0, 76)}\r\n`,
  "lines of two dots": "..\r\n",
  "lines of four octets": "ab\r\n",
  "empty lines": "\r\n",
  "bare CRs": "a\r",
};

/** Octets of a shape, cut. @param {string} unit @param {number} size */
function segments(unit, size) {
  const wire = new TextEncoder().encode(unit.repeat(Math.ceil((size === 1 ? FEW_OCTETS : OCTETS) / unit.length)));
  return Array.from({ length: Math.ceil(wire.length / size) }, (_, at) => wire.slice(at * size, (at + 1) * size));
}

/** @param {readonly Uint8Array[]} cut */
function lengthOf(cut) {
  return cut.reduce((sum, { length }) => sum + length, 0);
}

/** @param {readonly Uint8Array[]} cut */
function copying(cut) {
  const target = new Uint8Array(cut[0].length);
  const octets = lengthOf(cut);
  return () => {
    for (const segment of cut) target.set(segment);
    return octets;
  };
}

/** @param {readonly Uint8Array[]} cut @param {boolean} discard */
function decoding(cut, discard) {
  const octets = lengthOf(cut);
  return () => {
    const state = decoder("pass", TEXT_LINE_OCTETS);
    state.discard = discard;
    for (const segment of cut) unstuff(state, segment, 0, segment.length);
    return octets;
  };
}

/** @param {readonly Uint8Array[]} cut */
function encoding(cut) {
  const octets = lengthOf(cut);
  return () => {
    const state = encoder();
    for (const segment of cut) stuff(state, segment);
    return octets;
  };
}

/** @typedef {(cut: readonly Uint8Array[]) => () => number} Making */

/** @param {string} title @param {Making} making */
function table(title, making) {
  const rows = Object.entries(SHAPES).map(([name, unit]) => ({
    name,
    cells: Object.values(SEGMENTS).map((size) => {
      const cut = segments(unit, size);
      const { copy, work } = ratesOf({ copy: copying(cut), work: making(cut) });
      return against(work, copy);
    }),
  }));
  return { title: `${title}, octets/s in segments of so many octets`, columns: Object.keys(SEGMENTS).map((unit) => ({ unit, ratio: "× copy" })), rows };
}

report("data", [
  table("Unstuffing", (cut) => decoding(cut, false)),
  table("The end alone", (cut) => decoding(cut, true)),
  table("Stuffing", encoding),
]);
