// What a bundler leaves of the package for a program that uses a part of it: minified, and then compressed. Beside it what it leaves
// of smtp-server, whose parser and streams are Node's own.

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bundled, hasBundler } from "./bundle.js";
import { NOT_INSTALLED, resolved } from "./peers.js";
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
const HERE = fileURLToPath(new URL(".", import.meta.url));

const rows = [];
for (const [name, { names, from }] of Object.entries(PROGRAMS)) {
  if (!hasBundler || from === undefined) {
    rows.push({ name, cells: [], absent: NOT_INSTALLED });
    continue;
  }
  const stdin = { contents: `export { ${names} } from ${JSON.stringify(from)};`, resolveDir: HERE };
  const { contents: octets } = await bundled({ stdin, minify: true });
  rows.push({ name, cells: [octets, gzipSync(octets, { level: 9 })].map(({ length }) => ({ median: length })) });
}
report("size", [{ title: "Octets of a bundle", columns: [{ unit: "minified" }, { unit: "and compressed" }], rows }]);
