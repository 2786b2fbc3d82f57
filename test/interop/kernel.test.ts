// The kernel's octets come from its source: kernel.wat, assembled by wabt, is what kernel.ts has.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testIf } from "./tools.js";

interface Wabt {
  parseWat(name: string, text: string, features: { readonly simd: boolean; readonly bulk_memory: boolean }): { toBinary(options: object): { readonly buffer: Uint8Array } };
}

const test = suite("kernel");
const INTEROP = new URL("../../test/interop/", import.meta.url);
const SOURCES = new URL("../../src/protocol/", import.meta.url);
const missing = existsSync(new URL("node_modules/wabt", INTEROP)) ? undefined : "npm ci was not run in test/interop";

testIf(missing, test, "kernel.ts has kernel.wat, assembled", async () => {
  const wabt = await (createRequire(INTEROP)("wabt") as () => Promise<Wabt>)();
  const { buffer } = wabt.parseWat("kernel.wat", readFileSync(new URL("kernel.wat", SOURCES), "utf8"), { simd: true, bulk_memory: true }).toBinary({});
  const code = /const CODE =\s*([^;]*);/.exec(readFileSync(new URL("kernel.ts", SOURCES), "utf8"))![1]!;
  assert.is([...code.matchAll(/"([0-9a-f]+)"/g)].map(([, octets]) => octets).join(""), Buffer.from(buffer).toString("hex"));
});

test.run();
