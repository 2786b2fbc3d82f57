// The benches: that the cheap ones run and say what they should, and that the documents show what was kept. Not how fast anything is.

import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

interface Spread { readonly median: number; readonly low: number; readonly high: number }
interface Cell { readonly median: number; readonly base?: true; readonly ratio?: Spread; readonly goal?: { readonly least?: number; readonly most?: number } }
interface Table { readonly title: string; readonly columns: readonly { readonly unit: string }[]; readonly rows: readonly { readonly name: string; readonly cells: readonly Cell[]; readonly absent?: string }[] }
interface Result { readonly bench: string; readonly node: string; readonly quick: boolean; readonly tables: readonly Table[] }

const ROOT = new URL("../", import.meta.url);
const { against, beside, reached, spread } = (await import(new URL("bench/measure.js", ROOT).href)) as {
  against(values: readonly number[], base: readonly number[], goal?: Cell["goal"]): Cell;
  beside(theirs: readonly number[], ours: readonly number[], goal?: Cell["goal"]): Cell;
  reached(cell: Cell): boolean | undefined;
  spread(values: readonly number[]): Spread;
};
const { inserted, kept } = (await import(new URL("bench/report.js", ROOT).href)) as { inserted(text: string, result: Result): string; kept(bench: string): Result };
const { draw } = (await import(new URL("bench/chart.js", ROOT).href)) as { draw(result: Result): string };

/** Without the coverage: what only a bench reaches is not tested. */
function bench(...args: readonly string[]): SpawnSyncReturns<string> {
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  return spawnSync(process.execPath, [fileURLToPath(new URL("bench/run.js", ROOT)), ...args], { encoding: "utf8", timeout: 120_000, env });
}

for (const name of ["lines", "data", "session"]) {
  test(`bench ${name} runs, and says what it measured`, () => {
    const { status, stdout, stderr } = bench(name, "--quick", "--json");
    assert.is(status, 0, stderr);
    const result = JSON.parse(stdout) as Result;
    assert.equal([result.bench, result.node, result.quick], [name, process.version, true]);
    assert.ok(result.tables.length > 0);
    for (const { title, columns, rows } of result.tables) {
      for (const row of rows) {
        if (row.absent === undefined) assert.is(row.cells.length, columns.length, `${title}: ${row.name}`);
        for (const { median, base, ratio } of row.cells) {
          assert.ok(median > 0, `${title}: ${row.name}`);
          assert.ok(base === true || ratio === undefined || (ratio.low <= ratio.median && ratio.median <= ratio.high), `${title}: ${row.name}`);
        }
      }
    }
  });
}

test("what is no bench, and what cannot be kept, is refused", () => {
  for (const args of [["nothing"], ["lines", "--fast"], ["lines", "--quick", "--keep"], ["profile", "--keep"]]) {
    const { status, stdout, stderr } = bench(...args);
    assert.equal([status, stdout], [1, ""], args.join(" "));
    assert.ok(stderr.length > 0);
  }
});

test("ratios are taken round by round", () => {
  assert.equal(spread([3, 1, 2]), { median: 2, low: 1.5, high: 2.5 });
  const theirs = [10, 100, 1000];
  const ours = [20, 200, 2000]; // a machine that gets faster; ours is twice as fast throughout
  assert.equal(beside(theirs, ours), { median: 100, ratio: { median: 2, low: 2, high: 2 } });
  assert.equal(against(ours, theirs, { least: 1 }), { median: 200, ratio: { median: 2, low: 2, high: 2 }, goal: { least: 1 } });
  assert.equal(against(ours, ours), { median: 200, base: true });
  assert.equal(against(ours, [0, 0, 0]), { median: 200 }, "nothing to divide by");
});

test("what is asked for is reached, or not, or nobody knows", () => {
  const ratio = { median: 2, low: 2, high: 2 };
  assert.equal([{ least: 2 }, { most: 2 }, { least: 3 }, { most: 1 }, undefined].map((goal) => reached({ median: 9, ratio, ...(goal && { goal }) })), [true, true, false, false, undefined]);
  assert.is(reached({ median: 9, base: true, goal: { most: 8 } }), false, "of the base, what was measured counts");
  assert.is(reached({ median: 9, goal: { most: 8 } }), undefined);
});

for (const file of readdirSync(new URL("bench/results/", ROOT)).filter((name) => name.endsWith(".json"))) {
  test(`the documents show bench/results/${file}`, () => {
    const result = kept(file.replace(".json", ""));
    const text = readFileSync(new URL("docs/benchmarks.md", ROOT), "utf8");
    assert.is(inserted(text, result), text);
    assert.is(draw(result), readFileSync(new URL(`bench/results/${result.bench}.svg`, ROOT), "utf8"));
    assert.is(result.quick, false);
  });
}

test.run();
