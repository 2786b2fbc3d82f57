// What a bundler leaves of the package for a program that uses a part of it: minified, and then compressed. Beside it what it leaves
// of smtp-server, whose parser and streams are Node's own.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { NOT_INSTALLED, peer, resolved } from "./peers.js";
import { report } from "./report.js";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../dist/${path}`, import.meta.url));
/** @type {Record<string, { names: string, from: string | undefined }>} */
const PROGRAMS = {
  "the engine, receiving end": { names: "Server, settings", from: here("protocol/index.js") },
  "the engine, sending end": { names: "Client", from: here("protocol/index.js") },
  SMTPServer: { names: "SMTPServer", from: here("index.js") },
  DebuggingServer: { names: "DebuggingServer", from: here("index.js") },
  PureProxy: { names: "PureProxy", from: here("index.js") },
  everything: { names: "DebuggingServer, MailmanProxy, PureProxy, SMTPServer", from: here("index.js") },
  "smtp-server's SMTPServer": { names: "SMTPServer", from: resolved("smtp-server") },
};
const bundler = await peer("esbuild");

/** @param {string} names @param {string} from @returns {Promise<Uint8Array>} */
async function bundled(names, from) {
  const stdin = { contents: `export { ${names} } from ${JSON.stringify(from)};`, resolveDir: fileURLToPath(new URL(".", import.meta.url)) };
  const { outputFiles } = await bundler.build({ stdin, bundle: true, minify: true, format: "esm", platform: "node", write: false, logLevel: "error" });
  return outputFiles[0].contents;
}

const rows = [];
for (const [name, { names, from }] of Object.entries(PROGRAMS)) {
  if (bundler === undefined || from === undefined) {
    rows.push({ name, cells: [], absent: NOT_INSTALLED });
    continue;
  }
  const octets = await bundled(names, from);
  rows.push({ name, cells: [octets, gzipSync(octets, { level: 9 })].map(({ length }) => ({ median: length })) });
}
report("size", [{ title: "Octets of a bundle", columns: [{ unit: "minified" }, { unit: "and compressed" }], rows }]);
