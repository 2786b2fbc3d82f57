// Programs from elsewhere: whether they are here, and how they end.

import { spawn, spawnSync } from "node:child_process";

export interface Ran { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a program with octets as its standard input. */
export async function run(command: string, args: readonly string[], input: string | Buffer = ""): Promise<Ran> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (octets: Buffer) => (stdout += octets.toString()));
  child.stderr.on("data", (octets: Buffer) => (stderr += octets.toString()));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  return { code, stdout, stderr };
}

export function have(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args.length > 0 ? args : ["--version"], { stdio: "ignore", timeout: 20_000 }).status === 0;
}

interface Suite {
  (name: string, body: () => Promise<void>): void;
  skip(name?: string, body?: () => Promise<void>): void;
}

/** Registers a test; one that cannot run as skipped, and says why. Where what it needs can be installed, that is a failure in CI. */
export function testIf(why: string | undefined, test: Suite, name: string, body: () => Promise<void>, installable = true): void {
  if (why === undefined) return test(name, body);
  if (installable && process.env["CI"] === "true") return test(name, () => Promise.reject(new Error(why)));
  console.log(`skipped: ${name}: ${why}`);
  test.skip(name, body);
}
