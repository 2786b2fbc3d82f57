// The sending end of the engine on a socket, for what no program says: what is asked in one turn leaves with one write.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Client, type Reply } from "../../dist/protocol/index.js";
import { PATIENCE_MS } from "../client.js";

export class Engine {
  readonly client = new Client();
  readonly #socket: Socket;
  readonly #replies: Reply[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => {});
  }

  /** Connects, and says EHLO. */
  static async greet(port: number): Promise<Engine> {
    const engine = new Engine(connect(port, "127.0.0.1"));
    await engine.#answered();
    await engine.say((client) => client.send({ type: "EHLO", domain: "client.example" }));
    return engine;
  }

  /** Gives the reply to each command, as text. */
  async say(...what: readonly ((client: Client) => void)[]): Promise<readonly string[]> {
    for (const each of what) each(this.client);
    await this.#answered();
    return this.#replies.splice(0).map(({ code, enhanced, lines }) => `${code} ${enhanced} ${lines.join(" ")}`);
  }

  end(): void {
    this.#socket.destroy();
  }

  async #answered(): Promise<void> {
    for (;;) {
      const step = this.client.next();
      if (step.type === "output") this.#socket.write(step.octets);
      else if (step.type === "reply") this.#replies.push(step.reply);
      else if (step.type !== "need-input") throw new Error(`${step.type} was not expected`);
      else if (this.client.owed === 0) return;
      else this.client.receive((await once(this.#socket, "data", { signal: AbortSignal.timeout(PATIENCE_MS) }))[0] as Buffer);
    }
  }
}
