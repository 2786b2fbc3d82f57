// What every bench is told on its command line.

const given = process.argv.slice(2).filter((each) => each.startsWith("--"));

export const OPTIONS = {
  /** Few and short rounds: to see that a bench runs, not how fast anything is. */
  quick: given.includes("--quick"),
  /** JSON in the place of tables, one line a bench. */
  json: given.includes("--json"),
  /** Writes the results to bench/results and into docs/benchmarks.md. */
  keep: given.includes("--keep"),
};

/** @template T @param {T} usual @param {T} quick @returns {T} */
export function unlessQuick(usual, quick) {
  return OPTIONS.quick ? quick : usual;
}

/** Those that are none of ours. @param {readonly string[]} options */
export function unknownOptions(options) {
  return options.filter((each) => !(each.slice(2) in OPTIONS));
}
