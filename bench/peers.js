// What we are compared with, where it is there: packages of bench/peers, and programs.

import { accessSync, constants } from "node:fs";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const PACKAGES = createRequire(new URL("peers/package.json", import.meta.url));
/** Where Debian keeps smtp-source, which is not in everybody's PATH. */
const ALSO = ["/usr/sbin", "/usr/bin"];
export const NOT_INSTALLED = "npm ci --prefix bench/peers installs it";

/** A package of bench/peers, or undefined. @param {string} specifier @returns {Promise<any>} */
export async function peer(specifier) {
  const found = resolved(specifier);
  return found && (await import(pathToFileURL(found).href));
}

/** @param {string} specifier */
export function resolved(specifier) {
  try {
    return PACKAGES.resolve(specifier);
  } catch {
    return undefined;
  }
}

/** A program's path, or undefined. @param {string} name */
export function program(name) {
  return [...(process.env.PATH ?? "").split(delimiter), ...ALSO].map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A Python that has a module, or undefined. @param {string} module */
export function python(module) {
  const candidates = ["python3", ...ALSO.map((folder) => join(folder, "python3"))];
  return candidates.find((each) => spawnSync(each, ["-W", "ignore", "-c", `import ${module}`], { stdio: "ignore", timeout: 20_000 }).status === 0);
}
