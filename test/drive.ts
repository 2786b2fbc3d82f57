// Drives a server engine with octets, and writes down what it does.

import { formatCommand, parseReply, Server, type Command, type Reply, type Settings, type Step } from "../dist/protocol/index.js";

const NOT_TOLD = ["output", "need-input", "need-reply"];

export interface DriveOptions {
  /** What the application answers to a command as written, or to "connect" and "message". */
  readonly answers?: ReadonlyMap<string, string>;
  /** What the peer may say that not everybody may. */
  readonly permitted?: ReadonlySet<string>;
  /** Leave every answer owed until `answer()`. */
  readonly slow?: boolean;
}

export class Drive {
  readonly server: Server;
  readonly settings: Settings;
  /** What happened, apart from replies: "MAIL FROM:<a@b>", 'body "text"' (neighbours joined), "message 12", "abort reset", "close". */
  readonly log: string[] = [];
  /** The octets of each output step. */
  readonly outputs: string[] = [];
  readonly #options: DriveOptions;
  #owed: string[] = [];
  #body = "";
  #fed = 0;
  last: Step["type"] = "need-input";

  constructor(settings: Settings, options: DriveOptions = {}) {
    this.server = new Server(settings, options.permitted && { permitted: options.permitted });
    this.settings = settings;
    this.#options = options;
    this.run();
  }

  get replies(): string {
    return this.outputs.join("");
  }

  get owed(): number {
    return this.#owed.length;
  }

  /** Takes the replies so far. */
  takeReplies(): string {
    const replies = this.replies;
    this.outputs.length = 0;
    return replies;
  }

  feed(octets: Uint8Array | string): this {
    const segment = typeof octets === "string" ? octetsOf(octets) : octets;
    this.#fed += segment.length;
    this.server.receive(segment);
    return this.run();
  }

  /** Pulls steps until the engine needs something that is not there. */
  run(): this {
    for (let steps = 0; ; steps++) {
      if (steps > 1000 + this.#fed * 10) throw new Error("the engine does not come to an end");
      const step = this.server.next();
      this.last = step.type;
      this.#note(step);
      if (step.type === "need-input" || step.type === "need-reply" || step.type === "handshake" || step.type === "close") return this;
    }
  }

  /** Answers the oldest question. */
  answer(text?: string): this {
    this.#owed.shift();
    this.server.reply(text === undefined ? undefined : parseReply(text));
    return this.run();
  }

  /** Answers the oldest question, as `answers` has it. */
  answerAsUsual(): this {
    const text = this.#owed.shift()!;
    this.server.reply(this.#answerTo(/^message /.test(text) ? "message" : text));
    return this.run();
  }

  #note(step: Step): void {
    if (step.type === "output") this.outputs.push(new TextDecoder().decode(step.octets));
    if (step.type === "body") {
      if (step.chunk.length === 0) throw new Error("an empty body step");
      this.#body += latin1(step.chunk);
    }
    if (NOT_TOLD.includes(step.type) || step.type === "body") return;
    if (this.#body !== "") this.log.push(`body ${JSON.stringify(this.#body)}`);
    this.#body = "";
    const text = this.#told(step);
    if (this.log.at(-1) !== "close" && (step.type !== "handshake" || this.log.at(-1) !== text)) this.log.push(text);
    if (step.type === "abort" || step.type === "close" || step.type === "handshake") return;
    this.#owed.push(text);
    if (this.#options.slow === true) return;
    this.#owed.shift();
    this.server.reply(this.#answerTo(step.type === "message" ? "message" : text));
  }

  #told(step: Step): string {
    switch (step.type) {
      case "connect":
      case "close":
        return step.type;
      case "abort":
        return `abort ${step.reason}`;
      case "handshake":
        return step.dropped === 0 ? "handshake" : `handshake, ${step.dropped} octets dropped`;
      case "message":
        return [`message ${step.size}`, ...step.irregularities.map(({ count, what }) => `${count}x ${what}`)].join(", ");
      default:
        return [formatCommand(step as Command, this.settings.grammar), ...((step as Command).leniencies ?? [])].join(", ");
    }
  }

  /** With LMTP several, with " & " between them. */
  #answerTo(text: string): Reply | Reply[] | undefined {
    const answers = this.#options.answers?.get(text)?.split(" & ").map(parseReply);
    return answers?.length === 1 ? answers[0] : answers;
  }
}

/** Text to octets: UTF-8. */
export function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Octets to text, one character each. */
export function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}
