// The two engines joined in memory: what one says the other hears, until both are quiet.

import { Client, Server, type Answered, type ClientOptions, type Question, type Reply, type Request, type Settings } from "../dist/protocol/index.js";

export interface PairOptions {
  readonly server: Settings;
  readonly client?: ClientOptions;
  /** What the server's application says to a question; undefined for the usual. */
  readonly answer?: (question: Question) => Reply | undefined;
  /** What the client may say that not everybody may. */
  readonly permitted?: ReadonlySet<string>;
  /** What goes over the wire is cut into single octets. */
  readonly cut?: boolean;
  /** Under TLS from the first octet on. */
  readonly secure?: boolean;
}

export class Pair {
  readonly client: Client;
  readonly server: Server;
  /** What the client was told: "MAIL 250", "lost: closed". */
  readonly told: string[] = [];
  /** The same, as it was read. */
  readonly replies: Reply[] = [];
  /** What the server's application was told, questions apart: 'body "..."', "message 12", "abort reset". */
  readonly happened: string[] = [];
  readonly #options: PairOptions;
  readonly #toServer: Uint8Array[] = [];
  readonly #toClient: Uint8Array[] = [];

  constructor(options: PairOptions) {
    this.#options = options;
    const { secure = false, permitted } = options;
    this.server = new Server(options.server, { secure, ...(permitted && { permitted }) });
    this.client = new Client(options.client, { secure });
    this.settle();
  }

  /** Says a command, if it may be said, and waits for nothing. */
  post(command: Request): boolean {
    try {
      this.client.send(command);
      return true;
    } catch {
      return false;
    }
  }

  /** A whole message, once DATA was answered with 354. */
  deliver(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.client.body(piece);
      this.settle();
    }
    this.client.endBody();
    this.settle();
  }

  /** The handshake behind STARTTLS. */
  secured(): void {
    this.server.secured();
    this.client.secured();
    this.settle();
  }

  /** Says a line past the client engine; gives what the server says. Only while both are quiet. */
  bypass(line: string): string {
    this.server.receive(new TextEncoder().encode(`${line}\r\n`));
    this.#pullServer();
    return this.#toClient.splice(0).map((octets) => new TextDecoder().decode(octets)).join("");
  }

  /** Goes on until neither has anything more to say. */
  settle(): void {
    for (;;) {
      this.#pullClient();
      this.#pullServer();
      const forServer = this.#toServer.shift();
      const forClient = this.#toClient.shift();
      if (forServer !== undefined) this.server.receive(forServer);
      if (forClient !== undefined) this.client.receive(forClient);
      if (forServer === undefined && forClient === undefined) return;
    }
  }

  #carry(queue: Uint8Array[], octets: Uint8Array): void {
    if (this.#options.cut !== true) queue.push(octets.slice());
    else for (const octet of octets) queue.push(Uint8Array.of(octet));
  }

  #pullClient(): void {
    for (;;) {
      const step = this.client.next();
      if (step.type === "output") this.#carry(this.#toServer, step.octets);
      else if (step.type === "reply") this.#tell(step);
      else if (step.type === "close" && step.loss !== undefined) return void this.told.push(`lost: ${step.loss.why}`);
      else return;
    }
  }

  #tell({ to, reply }: Answered): void {
    this.told.push(`${to.type} ${reply.code}`);
    this.replies.push(reply);
  }

  #pullServer(): void {
    for (;;) {
      const step = this.server.next();
      switch (step.type) {
        case "output":
          this.#carry(this.#toClient, step.octets);
          break;
        case "body":
          this.happened.push(`body ${JSON.stringify(Buffer.from(step.chunk).toString("latin1"))}`);
          break;
        case "abort":
          this.happened.push(`abort ${step.reason}`);
          break;
        case "need-input":
        case "need-reply":
        case "handshake":
        case "close":
          return;
        default:
          if (step.type === "message") this.happened.push(`message ${step.size}`);
          this.server.reply(this.#options.answer?.(step));
      }
    }
  }
}
