// npm run bench -- [NAME …] [--quick] [--json] [--keep]. Each in a process of its own: what the compiler learns from one does not
// shape another.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { unknownOptions } from "./options.js";

const BENCHES = ["lines", "data", "session", "loopback", "relay", "profile"];

const args = process.argv.slice(2);
const names = args.filter((each) => !each.startsWith("--"));
const options = args.filter((each) => each.startsWith("--"));
const unknown = [...names.filter((each) => !BENCHES.includes(each)), ...unknownOptions(args)];
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}; there are ${BENCHES.join(", ")}, and --quick, --json, --keep.`);
  process.exit(1);
}
for (const name of names.length > 0 ? names : BENCHES) {
  if (!options.includes("--json")) console.log(`\n# ${name}\n`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.js`, import.meta.url)), ...options], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
