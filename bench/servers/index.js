// The servers under load, as they are started: { start } with a port, or { absent } and why.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundled, hasBundler } from "../bundle.js";
import { NOT_INSTALLED, program, python, resolved } from "../peers.js";
import { script } from "../processes.js";
import { scratch } from "../scratch.js";

/** @typedef {{ name: string, asked?: boolean, absent?: string, start: (port: number) => import("../processes.js").Start }} Server */

const CONNECTIONS = 10_000;
/** smtp-sink does not run as root. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ["-u", "nobody"] : [];

/** @returns {Server[]} */
export function servers() {
  const [sink, haraka] = [program("smtp-sink"), resolved("Haraka/package.json")];
  return [
    { name: "smtpd", asked: true, start: (port) => script("servers/discard.js", [port]) },
    { name: "canned", asked: true, start: (port) => script("servers/canned.js", [port]) },
    {
      name: "smtp-sink",
      ...missing(sink, "Debian's postfix has it"),
      start: (port) => ({ command: sink ?? "", args: [...UNPRIVILEGED, "-m", String(CONNECTIONS), `127.0.0.1:${port}`, "511"] }),
    },
    { name: "smtp-server", asked: true, ...missing(resolved("smtp-server"), NOT_INSTALLED), start: (port) => script("servers/smtp-server.js", [port]) },
    { name: "Haraka", ...missing(haraka, NOT_INSTALLED), start: (port) => harakaStart(dirname(haraka ?? ""), port) },
    inPython("aiosmtpd", "aiosmtpd", "servers/aiosmtpd_discard.py", "Debian's python3-aiosmtpd has it"),
    inPython("Python's smtpd", "smtpd", "servers/smtpd_discard.py", "no Python before 3.12"),
  ];
}

/** Ours as programs ship it that have a bundler: what it needs of the package in one file. @returns {Promise<Server | undefined>} */
export async function inOneFile() {
  if (!hasBundler) return undefined;
  const { text } = await bundled({ entryPoints: [fileURLToPath(new URL("discard.js", import.meta.url))] });
  const folder = scratch("bundle", { "discard.mjs": text });
  return { name: "smtpd, in one file", start: (port) => ({ command: process.execPath, args: [join(folder, "discard.mjs"), String(port)] }) };
}

/** @param {string} name @param {string} module @param {string} path @param {string} why @returns {Server} */
function inPython(name, module, path, why) {
  const command = python(module);
  return { name, ...missing(command, why), start: (port) => ({ command: command ?? "", args: ["-W", "ignore", fileURLToPath(new URL(`../${path}`, import.meta.url)), String(port)] }) };
}

/** @param {string | undefined} found @param {string} why */
export function missing(found, why) {
  return found === undefined ? { absent: why } : {};
}

/** @param {string} home @param {number} port @returns {import("../processes.js").Start} */
function harakaStart(home, port) {
  return { command: process.execPath, args: [join(home, "bin/haraka"), "-c", harakaFolder(home, port)] };
}

/** A folder as Haraka wants it: one process, one plugin, which says yes, drops the message, and asks no DNS. @param {string} home @param {number} port */
function harakaFolder(home, port) {
  return scratch("haraka", {
    "config/smtp.ini": `listen=127.0.0.1:${port}\nnodes=0\n`,
    "config/connection.ini": readFileSync(join(home, "config/connection.ini"), "utf8"), // it does not do without
    "config/me": "localhost\n",
    "config/loglevel": "LOGEMERG\n",
    "config/plugins": "discard\n",
    "plugins/discard.js": "exports.hook_lookup_rdns = (next) => next(OK, 'localhost');\nexports.hook_rcpt = (next) => next(OK);\nexports.hook_queue = (next) => next(OK);\n",
    "package.json": "{}\n",
  });
}
