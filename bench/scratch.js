// Files that a bench writes for the programs that it starts; they are gone when it ends.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** @type {string | undefined} */
let folder;

/** Writes files into a folder of their own; gives its path. @param {string} name @param {Record<string, string>} files */
export function scratch(name, files) {
  if (folder === undefined) {
    const made = (folder = mkdtempSync(join(tmpdir(), "smtpd-bench-")));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const own = mkdtempSync(join(folder, `${name}-`));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(own, path)), { recursive: true });
    writeFileSync(join(own, path), text);
  }
  return own;
}
