// Standard output, written to the last octet or not at all acknowledged.

import { fstatSync, writeSync } from "node:fs";

/** Where messages are printed; a Writable is one. */
export interface Output {
  /** Control characters are shown, not obeyed, on a terminal. */
  readonly isTTY?: boolean;
  /** Calls `done` once the octets are written, or with the error that prevented it. */
  write(octets: Uint8Array, done: (error?: Error | null) => void): unknown;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

const STDOUT = 1;

/** process.stdout; but for a file, where Node does not notice that a full disk took only a part (SyncWriteStream), one that does. */
export function standardOutput(): Output {
  return fstatSync(STDOUT).isFile() ? { write: (octets, done) => done(writeWhole(octets)) } : process.stdout;
}

function writeWhole(octets: Uint8Array): Error | null {
  try {
    for (let at = 0; at < octets.length; ) at += writeSync(STDOUT, octets, at);
    return null;
  } catch (error) {
    return error as Error;
  }
}
