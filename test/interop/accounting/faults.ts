// A next hop's troubles: between the proxy and, say, its upstream, one command and one reply at a time. It never says a 2yz that the
// upstream has not said, and what it refuses the upstream does not hear of.

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Octets, Over } from "./octets.js";

/** "dot": the end of the data, which the upstream does not get. "reply": it has got it, and said what the proxy does not get. */
export const STEPS = ["greeting", "EHLO", "RSET", "MAIL", "RCPT", "DATA", "body", "dot", "reply"] as const;
export const KINDS = ["delay", "reset", "close", "421", "4yz", "5yz", "garbage", "half", "long"] as const;
export type Step = (typeof STEPS)[number];
export type Kind = (typeof KINDS)[number];

const LMTP_HELLO = "LHLO";

/** Every how many arrivals at a step there is a fault. */
const EVERY: { readonly [step in Step]: number } = { greeting: 5, EHLO: 5, RSET: 17, MAIL: 19, RCPT: 23, DATA: 17, body: 13, dot: 19, reply: 11 };
const DELAY_MS = 150;

const REFUSALS: { readonly [kind in Kind]?: string } = {
  "421": "421 4.3.2 injected: going down\r\n",
  "4yz": "450 4.7.1 injected: not now\r\n",
  "5yz": "550 5.7.1 injected: never\r\n",
};
const GARBAGE = "\x1b[31mHTTP/1.1 400 Bad Request\r\n\r\n";
/** One line of two that are whole. */
const HALF = "450-injected\r\n45";
const LONG = Buffer.alloc(1_000_000, "2");

/** What is stored is not refused: "reply" would be the upstream's lie, and its client none the wiser. */
export function isFault(step: Step, kind: Kind): boolean {
  return step !== "reply" || REFUSALS[kind] === undefined;
}

/** At each step its kinds in turn, so that none is left to chance. */
export class Schedule {
  on = true;
  readonly #arrivals = new Map<Step, number>();
  readonly #hits = new Map<string, number>();

  due(step: Step): Kind | undefined {
    if (!this.on) return undefined;
    const arrivals = (this.#arrivals.get(step) ?? 0) + 1;
    this.#arrivals.set(step, arrivals);
    if (arrivals % EVERY[step] !== 0) return undefined;
    const kinds = KINDS.filter((kind) => isFault(step, kind));
    const kind = kinds[(arrivals / EVERY[step] - 1) % kinds.length]!;
    this.#hits.set(`${step} ${kind}`, this.hits(step, kind) + 1);
    return kind;
  }

  hits(step: Step, kind: Kind): number {
    return this.#hits.get(`${step} ${kind}`) ?? 0;
  }
}

export class Injector {
  readonly port: number;
  /** What the proxy did, or did not do, that is not in the books. */
  readonly problems: string[] = [];
  readonly #schedule: Schedule;
  readonly #upstream: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(port: number, upstream: number, schedule: Schedule) {
    this.port = port;
    this.#upstream = upstream;
    this.#schedule = schedule;
    this.#server = createServer({ noDelay: true }, (socket) => void this.#accept(socket));
  }

  async open(): Promise<void> {
    await once(this.#server.listen(this.port, "127.0.0.1"), "listening");
  }

  /** Connections are refused from here on, as those to a server that is down. */
  shut(): void {
    this.#server.close();
  }

  close(): void {
    this.shut();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #accept(proxy: Socket): Promise<void> {
    const upstream = connect(this.#upstream, "127.0.0.1").setNoDelay(true);
    const both = [proxy, upstream];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    const relay = new Relay(new Octets(proxy), new Octets(upstream), this.#schedule);
    for (const socket of both) socket.on("close", () => both.forEach((each) => each.destroy())); // the last to hear of it
    try {
      await relay.run();
    } catch (error) {
      if (!(error instanceof Over)) this.problems.push(`after ${relay.fault ?? "no fault"}: ${String(error)}`);
    }
    for (const socket of both) socket.destroy(); // of a message that has no end yet, the upstream hears none
  }
}

class Relay {
  /** The latest. */
  fault: string | undefined;
  readonly #proxy: Octets;
  readonly #upstream: Octets;
  readonly #schedule: Schedule;

  constructor(proxy: Octets, upstream: Octets, schedule: Schedule) {
    this.#proxy = proxy;
    this.#upstream = upstream;
    this.#schedule = schedule;
  }

  async run(): Promise<never> {
    await this.#pass("greeting");
    for (;;) {
      const line = await this.#proxy.line();
      const verb = line.split(/[ \r]/, 1)[0]!.toUpperCase().replace(LMTP_HELLO, "EHLO");
      const said = await this.#pass(STEPS.find((step) => step === verb), line);
      if (verb === "DATA" && said.startsWith("354")) await this.#passMessage();
    }
  }

  /** A command, and the reply to it. */
  async #pass(step: Step | undefined, command = ""): Promise<string> {
    const kind = step && this.#due(step);
    const refusal = kind && REFUSALS[kind];
    if (refusal !== undefined) {
      await this.#proxy.write(refusal);
      return kind === "421" ? this.#hangUp() : refusal;
    }
    await this.#upstream.write(command);
    const said = await this.#upstream.reply();
    if (kind !== undefined) await this.#disturb(kind);
    await this.#proxy.write(said);
    return said;
  }

  async #passMessage(): Promise<void> {
    const inBody = this.#due("body");
    let piece = await this.#proxy.mailData();
    if (inBody !== undefined) {
      const half = piece.octets.length >> 1;
      await this.#upstream.write(piece.octets.subarray(0, half));
      await this.#disturbMidway(inBody);
      piece = { ...piece, octets: piece.octets.subarray(half) };
    }
    for (;;) {
      await this.#upstream.write(piece.octets);
      if (piece.last) break;
      piece = await this.#proxy.mailData();
    }

    const atDot = this.#due("dot");
    if (atDot !== undefined) await this.#disturb(atDot);
    await this.#upstream.write(".\r\n");
    const said = await this.#upstream.reply();
    const inReply = this.#due("reply");
    if (inReply !== undefined) await this.#disturb(inReply);
    await this.#proxy.write(said);
  }

  #due(step: Step): Kind | undefined {
    const kind = this.#schedule.due(step);
    if (kind !== undefined) this.fault = `${kind} at ${step}`;
    return kind;
  }

  /** Of all the faults only a delay lets it go on. */
  async #disturb(kind: Kind): Promise<void> {
    if (kind === "delay") return void (await sleep(DELAY_MS));
    if (kind === "reset") this.#proxy.socket.resetAndDestroy();
    if (kind === "garbage" || kind === "long") {
      await this.#proxy.write(kind === "long" ? LONG : GARBAGE);
      return this.#proxy.gone(); // the proxy has heard enough, and closes of its own accord
    }
    await this.#proxy.write(REFUSALS[kind] ?? (kind === "half" ? HALF : ""));
    return this.#hangUp();
  }

  /** The proxy is not waiting for a reply. It may notice at once that one came, or when it ends the data; but never end them then. */
  async #disturbMidway(kind: Kind): Promise<void> {
    if (kind !== "half" && REFUSALS[kind] === undefined) return this.#disturb(kind);
    await this.#proxy.write(REFUSALS[kind] ?? HALF);
    return this.#proxy.gone();
  }

  async #hangUp(): Promise<never> {
    this.#proxy.socket.end();
    return this.#proxy.gone();
  }
}
