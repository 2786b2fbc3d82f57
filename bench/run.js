// npm run bench -- [NAME …] [--quick] [--json] [--keep]. Each in a process of its own: what the compiler learns from one does not
// shape another.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { unknownOptions } from "./options.js";

const BENCHES = ["size", "lines", "data", "session", "loopback", "relay"];
/** Only where it is asked for, and not kept: it tells of the code as it is. */
const PROFILE = "profile";

const args = process.argv.slice(2);
const names = args.filter((each) => !each.startsWith("--"));
const options = args.filter((each) => each.startsWith("--"));
const unknown = [...names.filter((each) => ![...BENCHES, PROFILE].includes(each)), ...unknownOptions(options)];
if (unknown.length > 0) refuse(`There is no ${unknown.join(", ")}; there are ${[...BENCHES, PROFILE].join(", ")}, and --quick, --json, --keep.`);
if (options.includes("--keep") && (options.includes("--quick") || names.includes(PROFILE))) refuse("Quick results are not kept, nor profiles.");
for (const name of names.length > 0 ? names : BENCHES) {
  if (!options.includes("--json")) console.log(`\n# ${name}\n`);
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.js`, import.meta.url)), ...options], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/** @param {string} why @returns {never} */
function refuse(why) {
  console.error(why);
  process.exit(1);
}
