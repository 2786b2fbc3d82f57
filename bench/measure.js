// Interleaved rounds: A B C, A B C … so that a machine that is slow for a while is slow for all. Only ratios within a round count.

import { unlessQuick } from "./options.js";

export const ROUNDS = unlessQuick(15, 2);
/** Rounds that are not counted: the compiler learns. */
const WARM_UP = unlessQuick(3, 1);
/** How long one that only computes has to learn: the compiler optimises in steps, and beside us. */
const WARM_UP_MS = unlessQuick(300, 1);
/** How long it works within a round: ten thousand times what the clock can tell apart, with collections of garbage in it. */
const SLICE_MS = unlessQuick(20, 1);

/** @typedef {{ median: number, low: number, high: number }} Spread the median and the quartiles */
/** @typedef {{ least?: number, most?: number }} Goal for a ratio; of the base, for what is measured */
/** @typedef {{ median: number, base?: true, ratio?: Spread, goal?: Goal }} Cell without a ratio: the base itself, or what could not be measured */

/**
 * @template T
 * @param {readonly T[]} contestants
 * @param {(contestant: T, at: number) => Promise<void>} work `at` is negative while nothing counts
 * @param {{ rounds?: number, warmUp?: number }} [options]
 */
export async function interleaved(contestants, work, { rounds = ROUNDS, warmUp = WARM_UP } = {}) {
  for (let at = -warmUp; at < rounds; at++) {
    for (const contestant of contestants) await work(contestant, at);
  }
}

/**
 * Contestants that do nothing but compute. How often each works within a round is found first, so that all take about as long.
 * Seconds are those of CPU, the collector's too: what else runs on the machine meanwhile does not count.
 * @param {Record<string, () => number>} contestants each does some work and says how much: octets, lines, segments
 * @returns {Record<string, number[]>} amounts a second, a round each
 */
export function ratesOf(contestants) {
  const lanes = Object.entries(contestants).map(([name, work]) => ({ name, work, times: timesOf(work), rates: /** @type {number[]} */ ([]) }));
  for (let at = 0; at < ROUNDS; at++) {
    for (const { work, times, rates } of lanes) {
      const began = cpuMs();
      let amount = 0;
      for (let time = 0; time < times; time++) amount += work();
      rates.push((amount / (cpuMs() - began)) * 1000);
    }
  }
  return Object.fromEntries(lanes.map(({ name, rates }) => [name, rates]));
}

/** How often it fits into a slice, once it is warm. @param {() => number} work */
function timesOf(work) {
  /** @param {number} leastMs */
  const each = (leastMs) => {
    const began = cpuMs();
    let [times, ms] = [0, 0];
    for (; times === 0 || ms < leastMs; times++, ms = cpuMs() - began) work();
    return ms / times;
  };
  each(WARM_UP_MS);
  return Math.max(1, Math.round(SLICE_MS / each(SLICE_MS)));
}

/** Milliseconds of CPU that this process has had. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What was measured, and its ratio to a base, round by round. @param {readonly number[]} values @param {readonly number[]} base @param {Goal} [goal] @returns {Cell} */
export function against(values, base, goal) {
  return { median: spread(values).median, ...(values === base ? { base: true } : ratioOf(values, base)), ...(goal && { goal }) };
}

/** What was measured of another, and the ratio of ours to it. @param {readonly number[]} theirs @param {readonly number[]} ours @param {Goal} [goal] @returns {Cell} */
export function beside(theirs, ours, goal) {
  return { ...against(ours, theirs, goal), median: spread(theirs).median };
}

/** None where there is nothing to divide by: less CPU than the system counts, or no /proc. @param {readonly number[]} values @param {readonly number[]} base */
function ratioOf(values, base) {
  const ratio = spread(values.map((value, at) => value / base[at]));
  return Object.values(ratio).every(Number.isFinite) ? { ratio } : {};
}

/** @param {readonly number[]} values @returns {Spread} */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/** Between two neighbours in proportion. @param {readonly number[]} sorted @param {number} q */
export function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

/** Whether what is asked for is there; undefined where nothing is, or nothing was measured. @param {Cell} cell @returns {boolean | undefined} */
export function reached({ median, base, ratio, goal }) {
  const value = base === true ? median : ratio?.median;
  if (value === undefined || goal === undefined) return undefined;
  return value >= (goal.least ?? -Infinity) && value <= (goal.most ?? Infinity);
}
