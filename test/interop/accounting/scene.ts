// The proxy and its upstream, the faults between them, and the killing of both.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { random } from "../../splits.js";
import { Injector, Schedule } from "./faults.js";
import type { Stored } from "./ledger.js";
import { quietPort, Server } from "./processes.js";

const CLI = fileURLToPath(new URL("../../../dist/cli.js", import.meta.url));
/** From one start to the next killing. */
const UPSTREAM_LIVES_MS = { least: 800, most: 2_500 };
const PROXY_LIVES_MS = { least: 500, most: 2_000 };
const DOWN_MS = 100;

/** An upstream, and what it has stored. To be read while it is down. */
export interface Store {
  readonly server: Server;
  stored(): Stored[];
}

export class Scene {
  readonly store: Store;
  readonly schedule = new Schedule();
  readonly injector: Injector;
  readonly proxy: Server;
  readonly #folder: string;
  readonly #next: (below: number) => number;
  readonly #stop = new AbortController();
  #giveUp = (_: Error): void => {};
  #loops: Promise<unknown> = Promise.resolve();
  /** Over before it is stopped only where something is wrong with the scene itself. */
  #trouble: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, ports: readonly [number, number, number], make: (folder: string, port: number) => Store, seed: number) {
    const [upstream, faults, proxy] = ports;
    this.#folder = folder;
    this.#next = random(seed);
    this.store = make(folder, upstream);
    this.injector = new Injector(faults, upstream, this.schedule);
    this.proxy = new Server(proxy, [process.execPath, CLI, "-n", `127.0.0.1:${proxy}`, `127.0.0.1:${faults}`], folder);
  }

  static async set(make: (folder: string, port: number) => Store, seed: number): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
    return new Scene(folder, [await quietPort(), await quietPort(), await quietPort()], make, seed);
  }

  /** No more trouble. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** How often both were killed at least. */
  get kills(): number {
    return Math.min(this.store.server.kills, this.proxy.kills);
  }

  /** What happened that is not in the books: of what the proxy printed, all that was not meant for the operator. */
  get problems(): string[] {
    const printed = this.proxy.stderr.split("\n").filter((line) => line !== "" && !/^smtpd: (?:PureProxy listening on|upstream) /.test(line));
    const ended = Object.entries({ proxy: this.proxy, upstream: this.store.server }).filter(([, { deaths }]) => deaths > 0);
    return [...this.injector.problems, ...printed, ...ended.map(([name, { deaths }]) => `the ${name} ended ${deaths} times by itself`)];
  }

  /** Waits until all is sent, in the midst of trouble. Behind that the upstream is down. */
  async during(sending: Promise<unknown>): Promise<void> {
    await Promise.race([sending, this.#trouble]);
    this.schedule.on = false;
    this.#stop.abort();
    await this.#trouble;
    await this.store.server.kill();
  }

  async start(): Promise<void> {
    await this.store.server.start();
    await this.injector.open();
    await this.proxy.start();
    const upstream = this.#again(UPSTREAM_LIVES_MS, async () => {
      this.injector.shut(); // connections are refused while it is down
      await this.store.server.kill();
      await sleep(DOWN_MS);
      await this.store.server.start();
      await this.injector.open();
    });
    const proxy = this.#again(PROXY_LIVES_MS, async () => {
      await this.proxy.kill();
      await this.proxy.start();
    });
    const late = new Promise<never>((_, reject) => (this.#giveUp = reject));
    this.#loops = Promise.allSettled([upstream, proxy]);
    this.#trouble = Promise.race([Promise.all([upstream, proxy]), late]);
    this.#trouble.catch(() => {}); // until it is waited for
  }

  /** It has taken too long. */
  giveUp(): void {
    this.#giveUp(new Error("not all has been sent in time"));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.injector.close();
    await this.#loops;
    await Promise.all([this.proxy.kill(), this.store.server.kill()]);
    rmSync(this.#folder, { recursive: true });
  }

  async #again({ least, most }: { readonly least: number; readonly most: number }, kill: () => Promise<void>): Promise<void> {
    for (;;) {
      await sleep(least + this.#next(most - least), undefined, { signal: this.stopped }).catch(() => {});
      if (this.stopped.aborted) return;
      await kill();
    }
  }
}
