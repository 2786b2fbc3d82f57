// A client for tests: sends what it is told, and waits for what it is told.

import { once } from "node:events";
import { connect, createServer, type NetConnectOpts, type Socket } from "node:net";
import type { Address } from "../dist/index.js";

/** No test waits longer than this for anything. */
export const PATIENCE_MS = 10_000;

export class Client {
  readonly socket: Socket;
  /** All that came, and how much of it was waited for. */
  received = "";
  #read = 0;
  /** The sizes of the segments that came. */
  readonly segments: number[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (octets: Buffer) => {
      this.received += octets.toString("utf8");
      this.segments.push(octets.length);
    });
  }

  /** Connects, and reads the greeting. */
  static async connect(address: Address, options: Partial<NetConnectOpts> = {}): Promise<Client> {
    const client = await Client.connectOnly(address, options);
    await client.until(/\r\n/);
    return client;
  }

  static async connectOnly(address: Address, options: Partial<NetConnectOpts> = {}): Promise<Client> {
    const where = typeof address === "string" ? { path: address } : { host: address[0], port: address[1] };
    const client = new Client(connect({ ...where, ...options } as NetConnectOpts));
    await once(client.socket, "connect");
    return client;
  }

  send(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** Sends lines, and reads the reply to the last. */
  async say(...lines: string[]): Promise<string> {
    this.send(lines.map((line) => `${line}\r\n`).join(""));
    return this.until(/^\d{3}(?: .*)?\r\n/m);
  }

  /** Waits for text that was not waited for before. Gives it up to the match's end. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const unread = this.received.slice(this.#read);
      const match = pattern.exec(unread);
      if (match !== null) {
        const to = match.index + match[0].length;
        this.#read += to;
        return unread.slice(0, to);
      }
      if (Date.now() > deadline) throw new Error(`${pattern} did not come; ${JSON.stringify(unread)} did`);
      if (this.socket.destroyed) throw new Error(`closed before ${pattern} came; ${JSON.stringify(unread)} did`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Waits until the server has closed. Gives what was not read before. */
  async closed(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, "close", { signal: AbortSignal.timeout(PATIENCE_MS) });
    return this.received.slice(this.#read);
  }

  /** EHLO, MAIL, a RCPT for each, DATA: up to the 354. */
  async upToData(...recipients: string[]): Promise<this> {
    const rcpts = (recipients.length > 0 ? recipients : ["b@example.org"]).map((each) => `RCPT TO:<${each}>`);
    await this.say("EHLO client.example");
    this.send(["MAIL FROM:<a@example.com>", ...rcpts, "DATA"].map((line) => `${line}\r\n`).join(""));
    await this.until(/354 .*\r\n/);
    return this;
  }

  /** A whole message. Gives the reply to it. */
  async deliver(content: string, ...recipients: string[]): Promise<string> {
    await this.upToData(...recipients);
    return this.say(`${content}\r\n.`);
  }

  /** Closes with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  end(): void {
    this.socket.destroy();
  }
}

/** Waits until something holds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
