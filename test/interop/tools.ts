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

/** Says that a test did not run, and why. Where everything can be installed, that is a failure. */
export function skipped(name: string, why: string): void {
  if (process.env["CI"] === "true") throw new Error(`${name} cannot run: ${why}`);
  console.log(`skipped: ${name}: ${why}`);
}
