// npm run bench, or npm run bench -- NAME. Each in a process of its own: what the compiler learns from one does not shape another.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const BENCHES = ["lines", "data", "relay"];

const asked = process.argv.slice(2);
for (const name of asked.filter((each) => !BENCHES.includes(each))) {
  console.error(`There is no bench "${name}"; there are ${BENCHES.join(", ")}.`);
  process.exit(1);
}
console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
for (const name of asked.length > 0 ? asked : BENCHES) {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL(`${name}.js`, import.meta.url))], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
