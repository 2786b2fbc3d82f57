// The structure: which file may import which, and that the engine needs no Node.

import { readdirSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";

const SRC = new URL("../src/", import.meta.url);

/** From what others are built on to what nobody imports. A file may import from the rows above its own alone. */
const ORDER: readonly (readonly string[])[] = [
  ["protocol/bytes", "protocol/limits", "protocol/leniency"],
  ["protocol/scan", "protocol/reply", "protocol/input", "protocol/copy", "protocol/kernel"],
  ["protocol/syntax", "protocol/lines"],
  ["protocol/state", "protocol/command", "protocol/xtext", "protocol/date-time", "protocol/words"],
  ["protocol/extension"],
  ["protocol/data", "protocol/step", "protocol/verbs"],
  ["protocol/write"],
  ["protocol/forwarding"],
  ["protocol/extensions/"],
  ["protocol/grammar", "protocol/mail-data"],
  ["protocol/outgoing"],
  ["protocol/answering"],
  ["protocol/server", "protocol/client"],
  ["protocol/index"],
  ["transport/address", "transport/clock", "transport/eventually", "transport/in-time", "transport/tls", "transport/trouble", "transport/turn", "transport/visible"],
  ["transport/next-hop", "transport/channel-binding", "transport/sasl/mechanism", "transport/sasl/octets", "transport/sasl/prepared", "transport/proxy-protocol", "transport/networks"],
  ["transport/strategy", "transport/sasl/sasl-name", "transport/sasl/scram-secret", "transport/securing", "transport/login"],
  ["transport/forwarders", "transport/answer", "transport/wire"],
  ["transport/serve", "transport/sasl/identity", "transport/announced"],
  ["transport/socket-wire"],
  ["transport/node", "transport/link", "transport/sasl/passwords", "transport/sasl/scram", "transport/sasl/tokens"],
  ["transport/mechanisms"],
  ["transport/authenticate", "transport/authentication"],
  ["transport/introduce", "transport/transaction"],
  ["transport/connect"],
  ["transport/index"],
  ["servers/octets", "servers/standard-output", "servers/relaying", "servers/received", "servers/fields", "servers/mailman/address"],
  ["servers/smtp-server", "servers/mailman/directory", "servers/mailman/copy"],
  ["servers/formats", "servers/pure-proxy", "servers/mailman/maps", "servers/mailman/rest", "servers/mailman/mixed"],
  ["servers/debugging-server", "servers/mailman/config"],
  ["servers/mailman-proxy"],
  ["index", "dialogue"],
  ["values"],
  ["options"],
  ["classes"],
  ["cli"],
];

const files = (readdirSync(SRC, { recursive: true }) as string[]).filter((file) => file.endsWith(".ts")).map((file) => file.replaceAll("\\", "/"));

function rowOf(file: string): number {
  return ORDER.findIndex((row) => row.some((name) => (name.endsWith("/") ? file.startsWith(name) : file === `${name}.ts`)));
}

for (const file of files) {
  const text = readFileSync(new URL(file, SRC), "utf8");
  const imports = [...text.matchAll(/^(?:import|export) [^;]*?from "([^"]+)";/gms)].map(([, name]) => name!);

  test(`${file} imports from above alone`, () => {
    assert.ok(rowOf(file) >= 0, "it has a place");
    for (const name of imports.filter((each) => each.startsWith("."))) {
      const target = new URL(name, new URL(file, SRC)).href.slice(SRC.href.length).replace(/\.js$/, ".ts");
      assert.ok(rowOf(target) >= 0 && rowOf(target) < rowOf(file), `${name} stands below`);
      if (!file.startsWith("protocol/") && target.startsWith("protocol/")) assert.is(target, "protocol/index.ts", "the engine is used through its face");
    }
  });

  test(`${file} depends on Node's own modules at the most`, () => {
    for (const name of imports.filter((each) => !each.startsWith("."))) assert.match(name, /^node:/);
  });

  if (!file.startsWith("protocol/")) continue;
  test(`${file} runs without Node, and is read in one go`, () => {
    const code = text.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "");
    assert.not.match(code, /node:|\bBuffer\b|\bprocess\b|\bsetTimeout\b|\bsetInterval\b|\bPromise\b|\basync\b|\bawait\b|\bDate\b|\bperformance\b|\bconsole\b/);
    assert.ok(text.split("\n").length <= 300, `${text.split("\n").length} lines`);
  });
}

test("the package has no dependency at run time", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Record<string, Record<string, string>>;
  assert.is(dependencies, undefined);
  assert.equal(Object.keys(devDependencies!), ["@types/node", "c8", "typescript", "uvu"]);
});

test.run();
