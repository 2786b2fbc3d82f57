// One mail transaction at the next hop (RFC 5321 §3.3), from the answer to MAIL on.

import type { Extension, Mail, Offers, Plain, Rcpt, Reply } from "../protocol/index.js";
import type { Finals, Link } from "./link.js";
import type { Eventually } from "./eventually.js";
import { trouble, TROUBLES } from "./trouble.js";

/** Where the transaction is open. */
export interface Open {
  readonly link: Link;
  /** Parameters of RCPT that are left out. */
  readonly omitted: ReadonlySet<string>;
  /** Called when the connection is free again. */
  readonly done: () => void;
}

const DATA: Plain = { type: "DATA" };

/** A mail transaction, wherever it leads: here to one next hop, elsewhere to several. */
export type Passage = Pick<Transaction, "reply" | "rcpt" | "data" | "body" | "end" | "abort">;

/**
 * Whatever goes wrong is a reply; once a transaction is lost, every answer is the reason. Only mistakes of the caller's throw: data
 * before DATA was answered with 354, an address that is none.
 */
export class Transaction {
  /** The answer to MAIL. */
  readonly reply: Reply;
  #open: Open | undefined;

  constructor(given: Reply, open?: Open) {
    this.reply = given;
    this.#open = open;
  }

  /** What the next hop offers; undefined where no transaction is open, or nothing was offered. */
  get offers(): Offers | undefined {
    return this.#open?.link.offers;
  }

  rcpt(command: Rcpt): Promise<Reply> {
    if (this.#open === undefined) return Promise.resolve(this.#why());
    const { link, omitted } = this.#open;
    try {
      return link.ask(without(command, omitted));
    } catch (error) {
      return Promise.resolve(notOffered(error));
    }
  }

  data(): Promise<Reply> {
    return this.#open?.link.ask(DATA) ?? Promise.resolve(this.#why());
  }

  /** A piece of the message. A reply: it is lost, and why. A promise: wait for it before the next piece. */
  body(chunk: Uint8Array): Eventually<Reply | undefined> {
    return this.#open === undefined ? this.#why() : this.#open.link.body(chunk);
  }

  /** The message is whole. Its final reply; with LMTP one for each accepted recipient, unless it is lost already. */
  async end(): Promise<Finals> {
    if (this.#open === undefined) return [this.#why()];
    const { link, done } = this.#open;
    const replies = link.end();
    this.#open = undefined; // from here on nobody can take it back
    await replies;
    done();
    return replies;
  }

  /** Gives it up: a message that has begun stays without an end. Of no effect behind end(). */
  abort(): void {
    if (this.#open === undefined) return;
    const { link, done } = this.#open;
    this.#open = undefined;
    if (link.mayReset) void link.ask({ type: "RSET" }).then(done);
    else if (link.free) done();
    else link.destroy();
  }

  #why(): Reply {
    return this.reply.code < 300 ? TROUBLES.noTransaction : this.reply;
  }
}

/** Parameters that concern one hop alone, as SIZE does, and that this hop does not know: what is promised for the whole way stays. */
export function unknownTo(offers: Offers | undefined, which: "mail" | "rcpt", known: readonly Extension[]): ReadonlySet<string> {
  return new Set(known.filter((each) => each.endToEnd !== true && offers?.has(each.keyword) !== true).flatMap((each) => Object.keys(each[which] ?? {})));
}

/** The command without these parameters. */
export function without<C extends Mail | Rcpt>(command: C, omitted: ReadonlySet<string>): C {
  const given = Object.keys(command.parameters);
  if (!given.some((keyword) => omitted.has(keyword))) return command;
  return { ...command, parameters: Object.fromEntries(Object.entries(command.parameters).filter(([keyword]) => !omitted.has(keyword))) };
}

/** What stays and cannot be said: its offers are not those any more that the command was made for. The next hello will tell. */
export function notOffered(error: unknown): Reply {
  return trouble("4.5.0", `it does not offer that (${(error as Error).message})`);
}
