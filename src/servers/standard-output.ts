// Standard output, written to the last octet or not at all acknowledged.

import { fstatSync, readFileSync, statSync, writeSync } from "node:fs";

/** Where messages are printed; a Writable is one. */
export interface Output {
  /** Control characters are shown, not obeyed, on a terminal. */
  readonly isTTY?: boolean;
  /** Calls `done` once the octets are written, or with the error that prevented it. */
  write(octets: Uint8Array, done: (error?: Error | null) => void): unknown;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

const STDOUT = 1;

/** process.stdout, but where Node would say that octets were written which were not. */
export function standardOutput(): Output {
  if (isClosed()) return { write: (_, done) => done(new Error("standard output is closed")) };
  return fstatSync(STDOUT).isFile() ? new FileOutput() : process.stdout;
}

/** A file: Node does not notice that a full disk took only a part (SyncWriteStream). */
class FileOutput implements Output {
  #torn = false;

  write(octets: Uint8Array, done: (error?: Error | null) => void): void {
    try {
      if (this.#torn) this.#whole(Buffer.from("\n")); // part of a message is there: what follows begins a line
      this.#torn = false;
      this.#whole(octets);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #whole(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; this.#torn = at < octets.length) at += writeSync(STDOUT, octets, at);
  }
}

/** Node puts /dev/null, open for reading too, in the place of a standard output that was closed when it started. */
function isClosed(): boolean {
  try {
    if (fstatSync(STDOUT).rdev !== statSync("/dev/null").rdev) return false;
    const flags = parseInt(/^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${STDOUT}`, "utf8"))?.[1] ?? "0", 8);
    return (flags & 0o3) === 0o2; // O_RDWR; a shell's >/dev/null is O_WRONLY
  } catch {
    return false; // a system that does not tell
  }
}
