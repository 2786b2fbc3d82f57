// A next hop: a store that is killed again and again, and the faults between it and the proxy.

import { setTimeout as sleep } from "node:timers/promises";
import { Injector, Schedule } from "./faults.js";
import type { HopName } from "./heard.js";
import type { Stored } from "./ledger.js";
import { quietPort, type Server } from "./processes.js";

const DOWN_MS = 100;

/** What a server has stored: to be read while it is down. Each message is of one next hop. */
export interface Store {
  readonly server: Server;
  stored(): Omit<Stored, "at">[];
}

export type MakeStore = (folder: string, port: number) => Store;

export class Hop {
  readonly name: HopName;
  readonly store: Store;
  readonly schedule = new Schedule();
  readonly injector: Injector;

  private constructor(name: HopName, store: Store, faults: number) {
    this.name = name;
    this.store = store;
    this.injector = new Injector(faults, store.server.port, this.schedule);
  }

  static async set(name: HopName, make: MakeStore, folder: string): Promise<Hop> {
    return new Hop(name, make(folder, await quietPort()), await quietPort());
  }

  async start(): Promise<void> {
    await this.store.server.start();
    await this.injector.open();
  }

  /** Connections are refused while it is down. */
  async restart(): Promise<void> {
    this.injector.shut();
    await this.store.server.kill();
    await sleep(DOWN_MS);
    await this.start();
  }

  async close(): Promise<void> {
    this.injector.close();
    await this.store.server.kill();
  }

  stored(): Stored[] {
    return this.store.stored().map((copy) => ({ ...copy, at: this.name }));
  }
}
