// The proxy and its next hops, the faults between them, and the killing of all.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { random } from "../../splits.js";
import { HOPS } from "./heard.js";
import { Hop, type MakeStore } from "./hop.js";
import { mailmanCfg } from "./lists.js";
import { quietPort, Server } from "./processes.js";

const CLI = fileURLToPath(new URL("../../../dist/cli.js", import.meta.url));
/** From one start to the next killing. */
const HOP_LIVES_MS = { least: 800, most: 2_500 };
const PROXY_LIVES_MS = { least: 500, most: 2_000 };

/** Without a Mailman the proxy is a PureProxy. */
export interface Stores { readonly upstream: MakeStore; readonly Mailman?: MakeStore }

export class Scene {
  readonly hops: readonly Hop[];
  readonly proxy: Server;
  readonly #folder: string;
  readonly #next: (below: number) => number;
  readonly #stop = new AbortController();
  #giveUp = (_: Error): void => {};
  #loops: Promise<unknown> = Promise.resolve();
  /** Over before it is stopped only where something is wrong with the scene itself. */
  #trouble: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, hops: readonly [Hop, Hop | undefined], port: number, seed: number) {
    const [upstream, mailman] = hops;
    this.#folder = folder;
    this.#next = random(seed);
    this.hops = hops.filter((hop) => hop !== undefined);
    const mailmans = mailman === undefined ? [] : ["-c", "MailmanProxy", "--mailman-cfg", mailmanCfg(folder, mailman.injector.port)];
    this.proxy = new Server(port, [process.execPath, CLI, "-n", ...mailmans, `127.0.0.1:${port}`, `127.0.0.1:${upstream.injector.port}`], folder);
  }

  static async set({ upstream, Mailman }: Stores, seed: number): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
    const [first, second] = HOPS;
    return new Scene(folder, [await Hop.set(first, upstream, folder), Mailman && (await Hop.set(second, Mailman, folder))], await quietPort(), seed);
  }

  /** No more trouble. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** How often each was killed. */
  get kills(): { readonly [name: string]: number } {
    return Object.fromEntries(Object.entries(this.#servers).map(([name, { kills }]) => [name, kills]));
  }

  /** What happened that is not in the books: of what the proxy printed, all that was not meant for the operator. */
  get problems(): string[] {
    const printed = this.proxy.stderr.split("\n").filter((line) => line !== "" && !/^smtpd: (?:(?:Pure|Mailman)Proxy listening on|upstream|Mailman at) /.test(line));
    return [...this.hops.flatMap(({ injector }) => injector.problems), ...printed, ...this.dead.map((name) => `the ${name} ended by itself`)];
  }

  /** Who has ended, and was not killed. */
  get dead(): string[] {
    return Object.entries(this.#servers).filter(([, { deaths }]) => deaths > 0).map(([name]) => name);
  }

  /** Waits until all is sent, in the midst of trouble. Behind that the next hops are down. */
  async during(sending: Promise<unknown>): Promise<void> {
    await Promise.race([sending, this.#trouble]);
    for (const { schedule } of this.hops) schedule.on = false;
    this.#stop.abort();
    await this.#trouble;
    for (const { store } of this.hops) await store.server.kill();
  }

  async start(): Promise<void> {
    for (const hop of this.hops) await hop.start();
    await this.proxy.start();
    const longer = (1 + this.hops.length) / 2; // the more there are of them, that all are up as often
    const loops = this.hops.map((hop) => this.#again(HOP_LIVES_MS, longer, () => hop.restart()));
    const proxy = this.#again(PROXY_LIVES_MS, longer, async () => {
      await this.proxy.kill();
      await this.proxy.start();
    });
    const late = new Promise<never>((_, reject) => (this.#giveUp = reject));
    this.#loops = Promise.allSettled([...loops, proxy]);
    this.#trouble = Promise.race([Promise.all([...loops, proxy]), late]);
    this.#trouble.catch(() => {}); // until it is waited for
  }

  /** It has taken too long. */
  giveUp(): void {
    this.#giveUp(new Error("not all has been sent in time"));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { injector } of this.hops) injector.close();
    await this.#loops;
    await Promise.all([this.proxy.kill(), ...this.hops.map((hop) => hop.close())]);
    rmSync(this.#folder, { recursive: true });
  }

  get #servers(): { readonly [name: string]: Server } {
    return { ...Object.fromEntries(this.hops.map(({ name, store }) => [name, store.server])), proxy: this.proxy };
  }

  async #again({ least, most }: { readonly least: number; readonly most: number }, longer: number, kill: () => Promise<void>): Promise<void> {
    for (;;) {
      await sleep(longer * (least + this.#next(most - least)), undefined, { signal: this.stopped }).catch(() => {});
      if (this.stopped.aborted) return;
      await kill();
    }
  }
}
