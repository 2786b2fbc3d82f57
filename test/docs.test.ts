// What the documents say is tried: examples run, links lead somewhere, sizes and tables are true.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LIMITS } from "../dist/protocol/index.js";
import { Client, eventually, freePort } from "./client.js";

const ROOT = new URL("../", import.meta.url);
const EXAMPLES = new URL("../build/examples/", import.meta.url);
const documents = ["README.md", "CHANGELOG.md", ...readdirSync(new URL("docs/", ROOT)).map((name) => `docs/${name}`)];
mkdirSync(EXAMPLES, { recursive: true });

function read(name: string): string {
  return readFileSync(new URL(name, ROOT), "utf8");
}

for (const name of documents) {
  const text = read(name);
  const fences = [...text.matchAll(/^```(\w+)(?: (\w+))?\n([^]*?)^```$/gm)].map(([, language, kind, code]) => ({ language, kind, code: code! }));
  for (const [index, { language, kind, code }] of fences.entries()) {
    if (language !== "js") continue;
    const path = fileURLToPath(new URL(`${name.replaceAll(/\W/g, "-")}-${index}.mjs`, EXAMPLES));

    test(`${name}: example ${index + 1} ${kind === "server" ? "takes a message" : "prints what it says"}`, async () => {
      const port = await freePort();
      writeFileSync(path, code.replaceAll('["localhost", 8025]', `["127.0.0.1", ${port}]`));
      if (kind !== "server") {
        assert.is(execFileSync(process.execPath, [path], { encoding: "utf8", timeout: 10_000 }).replaceAll("\r\n", "\n"), fences[index + 1]!.code);
        return;
      }
      const child = spawn(process.execPath, [path], { stdio: ["ignore", "pipe", "inherit"] });
      try {
        let client: Client | undefined;
        for (let tries = 0; client === undefined && tries < 200; tries++) {
          client = await Client.connect(["127.0.0.1", port]).catch(() => undefined);
          if (client === undefined) await new Promise((resolve) => setTimeout(resolve, 25));
        }
        let printed = "";
        child.stdout.on("data", (octets: Buffer) => (printed += octets.toString()));
        assert.match(await client!.deliver("Subject: x", "ann@example.org"), /^250/);
        await eventually(() => printed.includes("ann@example.org"), "it prints the recipient");
      } finally {
        child.kill("SIGKILL");
      }
    });
  }

  test(`${name}: links lead somewhere`, () => {
    for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) assert.ok(existsSync(new URL(target!, new URL(name, ROOT))), target);
  });

  test(`${name} speaks of the project alone`, () => {
    assert.not.match(text, /\/(?:root|home|work|tmp)\/|TODO/);
  });
}

test("the sizes in the README are true", () => {
  const [{ size, unpackedSize }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: fileURLToPath(ROOT), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as [{ size: number; unpackedSize: number }];
  const [, packed, installed] = /(\d+) kB to download, (\d+) kB installed/.exec(read("README.md"))!.map(Number);
  assert.ok(size / 1000 <= packed! && size / 1000 > packed! * 0.9, `${size} octets to download`);
  assert.ok(unpackedSize / 1000 <= installed! && unpackedSize / 1000 > installed! * 0.9, `${unpackedSize} octets installed`);
});

test("the README names every file of the engine", () => {
  const map = read("README.md");
  for (const file of readdirSync(new URL("src/protocol/", ROOT))) {
    if (file !== "index.ts") assert.match(map, new RegExp(`\\b${file.replace(/\.ts$/, "")}\\b`), file);
  }
});

test("the limits in docs/security.md are those of limits.ts", () => {
  const text = read("docs/security.md");
  const { commandLineOctets, localPartOctets, domainOctets, pathOctets, recipients, messageOctets, errors } = LIMITS;
  for (const value of [`${commandLineOctets} octets`, `${localPartOctets}, ${domainOctets}, ${pathOctets}`, `| ${recipients} |`, messageOctets.toLocaleString("en-US"), `| ${errors} |`]) {
    assert.ok(text.includes(value), value);
  }
  assert.equal([LIMITS.commandMs, LIMITS.dataBlockMs, LIMITS.messageMs, LIMITS.answerMs, LIMITS.messageAnswerMs].map((ms) => ms / 60_000), [5, 3, 60, 4.5, 9]);
});

test.run();
