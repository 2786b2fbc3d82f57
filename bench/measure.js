// Interleaved rounds: A B C, A B C … so that a machine that is slow for a while is slow for all. Only ratios within a round count.

const ROUNDS = 15;

/**
 * @param {Record<string, () => number>} contestants each does some work and returns how much: octets, lines, segments
 * @param {string} base the one that the others are compared with
 * @returns {{ name: string, perSecond: number, ratio: number, quartiles: [number, number] }[]} `ratio`: rate / rate of the base
 */
export function compare(contestants, base) {
  const names = Object.keys(contestants);
  /** @type {Record<string, number[]>} */
  const rates = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -3; round < ROUNDS; round++) {
    for (const name of names) {
      const began = process.hrtime.bigint();
      const amount = contestants[name]();
      const seconds = Number(process.hrtime.bigint() - began) / 1e9;
      if (round >= 0) rates[name].push(amount / seconds); // the rounds before are for the compiler
    }
  }
  return names.map((name) => {
    const ratios = rates[name].map((rate, round) => rate / rates[base][round]).sort((a, b) => a - b);
    return { name, perSecond: quantile([...rates[name]].sort((a, b) => a - b), 0.5), ratio: quantile(ratios, 0.5), quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)] };
  });
}

/**
 * @param {string} title
 * @param {string} unit what a contestant counts
 * @param {string} base
 * @param {ReturnType<typeof compare>} rows
 */
export function print(title, unit, base, rows) {
  console.log(`\n${title}\n`);
  console.log(`| | ${unit}/s | × ${base} | quartiles |\n| --- | ---: | ---: | --- |`);
  for (const { name, perSecond, ratio, quartiles } of rows) {
    console.log(`| ${name} | ${engineering(perSecond)} | ${short(ratio)} | ${quartiles.map(short).join(" to ")} |`);
  }
}

/** @param {number[]} sorted @param {number} q */
export function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

/** @param {number} value */
export function engineering(value) {
  const [factor, suffix] = value >= 1e9 ? [1e9, " G"] : value >= 1e6 ? [1e6, " M"] : value >= 1e3 ? [1e3, " k"] : [1, ""];
  return short(value / factor) + suffix;
}

/** @param {number} value */
export function short(value) {
  return value >= 100 ? value.toFixed() : value.toPrecision(2);
}
