// What the command line says as values; or why it is refused.

import { readFileSync } from "node:fs";
import type { NextHop } from "./index.js";

/** The command line is wrong: its message goes out with the usage, or without. */
export class Refused extends Error {
  readonly usage: boolean;

  constructor(message: string, usage = true) {
    super(message);
    this.usage = usage;
  }
}

export function number(text: string, what: string, least = 0): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) < least) throw new Refused(`${what}: ${text}`, false);
  return Number(text);
}

export function oneOf<T extends string>(text: string, choices: readonly T[], what: string): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new Refused(`${what}: ${text}; it is one of ${choices.join(", ")}`);
  return found;
}

export function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Refused(`Cannot read ${path}: ${(error as Error).message}`, false);
  }
}

/** An address, or mx:domain; but mx:25 is a port of a host called mx. */
export function nextHop(spec: string): NextHop {
  const [, domain] = /^mx:(?!\d+$)(.+)$/.exec(spec) ?? [];
  return domain === undefined ? address(spec, "remote") : `mx:${domain}`;
}

/** host:port, [host]:port, or unix:/path. */
export function address(spec: string, which: "local" | "remote"): Exclude<NextHop, `mx:${string}`> {
  if (spec.startsWith("unix:/")) return `/${spec.slice("unix:/".length)}`;
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/.exec(spec) ?? [];
  if (port === undefined) throw new Refused(`Bad ${which} spec: ${spec}`);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw new Refused(`Bad ${which} port: ${spec}`);
  return [(bracketed ?? bare) || "0.0.0.0", Number(port)];
}
