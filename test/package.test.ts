// What is shipped: installed elsewhere, imported by its names, and the engine in a world without Node.

import { execFileSync, type ExecFileSyncOptions } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const TSC = join(ROOT, "node_modules/.bin/tsc");
const QUIET = { encoding: "utf8", stdio: "pipe", timeout: 60_000 } satisfies ExecFileSyncOptions;

test("packed, installed in an empty folder, and used from there", () => {
  const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { ...QUIET, cwd: ROOT });
  const [archive] = readdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${archive}`], { ...QUIET, cwd: folder });
  assert.equal(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")), ["smtpd"]);
  assert.match(execFileSync(join(folder, "node_modules/.bin/smtpd"), ["-V"], QUIET), /^smtpd \d/);

  const names = (specifier: string): string[] => JSON.parse(execFileSync(process.execPath, ["-e", `import(${JSON.stringify(specifier)}).then((m) => console.log(JSON.stringify(Object.keys(m))))`], { ...QUIET, cwd: folder })) as string[];
  assert.equal(names("smtpd").sort(), ["CannotTell", "DebuggingServer", "MailmanProxy", "NotImplementedError", "PureProxy", "SMTPServer", "parseReply", "reply"]);
  assert.ok(names("smtpd/protocol").includes("Server"));
  assert.ok(names("smtpd/transport").includes("Listener"));

  writeFileSync(join(folder, "use.ts"), `
    import { Server, settings, type Step } from "smtpd/protocol";
    const server = new Server(settings({ hostname: "x" }));
    const step: Step = server.next();
    if (step.type === "MAIL") server.reply({ code: 250, enhanced: "", lines: [String(step.reversePath?.domain)], clause: "" });
  `);
  writeFileSync(join(folder, "server.ts"), `
    import { SMTPServer, type MessageOptions, type Peer } from "smtpd";
    export class Mine extends SMTPServer {
      override processMessage(peer: Peer, from: string, to: string[], data: Uint8Array | string, options: MessageOptions) {
        return \`250 2.0.0 \${peer.address} \${from} \${to.length} \${data.length} \${options.size}\`;
      }
    }
  `);
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022"];
  execFileSync(TSC, [...options, "--types", "", "use.ts", "server.ts"], { ...QUIET, cwd: folder }); // no types of Node are needed
  rmSync(folder, { recursive: true });
});

const WITHOUT_NODE = `
  import { readFileSync } from "node:fs";
  import { createContext, SourceTextModule } from "node:vm";
  const said = [];
  const context = createContext({ TextEncoder, TextDecoder, say: (text) => said.push(text) });
  const modules = new Map();
  const load = (url) => {
    const known = modules.get(url.href) ?? new SourceTextModule(readFileSync(url, "utf8"), { identifier: url.href, context });
    modules.set(url.href, known);
    return known;
  };
  const main = new SourceTextModule(\`
    import { Server } from "./index.js";
    const server = new Server();
    const lines = ["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", ".", "QUIT"];
    for (let step = server.next(); step.type !== "close"; step = server.next()) {
      if (step.type === "need-input") server.receive(new TextEncoder().encode(lines.shift() + "\\\\r\\\\n"));
      else if (step.type === "output") say(new TextDecoder().decode(step.octets));
      else server.reply();
    }
  \`, { identifier: process.argv[1], context });
  await main.link((specifier, from) => load(new URL(specifier, from.identifier)));
  await main.evaluate();
  console.log(said.join(""));
`;

test("the engine runs in a world that has the language and TextEncoder, and nothing else", () => {
  const here = new URL("../dist/protocol/main.js", import.meta.url).href;
  const said = execFileSync(process.execPath, ["--no-warnings", "--experimental-vm-modules", "--input-type=module", "-e", WITHOUT_NODE, here], QUIET);
  assert.equal(said.match(/^\d{3} /gm), ["220 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "]);
});

test.run();
