// One mail transaction at the next hop (RFC 5321 §3.3), from the answer to MAIL on.

import type { Mail, Offers, Plain, Rcpt, Reply, Settings } from "../protocol/index.js";
import { trouble, type Link } from "./link.js";

export const NO_OFFERS: Offers = new Map();

const GONE = trouble("4.3.2", "Upstream: no transaction");

/** Once it is lost, every answer is the reason. */
export class Transaction {
  /** The answer to MAIL. */
  readonly reply: Reply;
  #link: Link | undefined;
  readonly #settings: Settings | undefined;
  readonly #done: () => void;

  constructor(given: Reply, link?: Link, ofLink?: Settings, done = (): void => {}) {
    this.reply = given;
    this.#link = link;
    this.#settings = ofLink;
    this.#done = done;
  }

  send(command: Rcpt | Plain): Promise<Reply> {
    const link = this.#link;
    if (link === undefined) return Promise.resolve(this.#why());
    try {
      return link.ask(command.type === "RCPT" ? fitting(command, "rcpt", this.#settings!, link.offers) : command);
    } catch (error) {
      return Promise.resolve(trouble("4.5.0", `Upstream: it does not offer that (${(error as Error).message})`));
    }
  }

  /** A piece of the message. A reply: it is lost, and why. A promise: wait for it before the next piece. */
  body(chunk: Uint8Array): Promise<Reply | undefined> | Reply | undefined {
    return this.#link === undefined ? this.#why() : this.#link.body(chunk);
  }

  /** The message is whole. Its final reply; with LMTP one for each accepted recipient. */
  async end(): Promise<readonly Reply[]> {
    const link = this.#link;
    if (link === undefined) return [this.#why()];
    this.#link = undefined; // from here on nobody can take it back
    const replies = await link.end();
    this.#done();
    return replies;
  }

  /** Gives it up: a message that has begun stays without an end. Of no effect behind end(). */
  abort(): void {
    const link = this.#link;
    this.#link = undefined;
    if (link?.mayReset === true) void link.ask({ type: "RSET" }).then(this.#done);
    else if (link?.free === true) this.#done();
    else link?.destroy();
  }

  #why(): Reply {
    return this.reply.code < 300 ? GONE : this.reply;
  }
}

/** A parameter that concerns one hop alone, as SIZE does, is left out where the hop does not know it; what is promised for the whole way stays. */
export function fitting<C extends Mail | Rcpt>(command: C, which: "mail" | "rcpt", { grammar }: Settings, offers: Offers = NO_OFFERS): C {
  const known = [...grammar.extensions.values()];
  const stays = (keyword: string): boolean => known.every((each) => each[which]?.[keyword] === undefined || each.endToEnd === true || offers.has(each.keyword));
  return { ...command, parameters: Object.fromEntries(Object.entries(command.parameters).filter(([keyword]) => stays(keyword))) };
}
