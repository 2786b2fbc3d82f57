// The way to the next hop: transactions over connections that are made, introduced, kept and given up here. Nothing rejects:
// where the next hop cannot be had, the answer is a 451 that says why.

import { CLIENT_EXTENSIONS, settings, type Extension, type Limits, type Mail, type Offers, type Reply } from "../protocol/index.js";
import { introduce, type Introduction } from "./introduce.js";
import { Link, trouble, type LinkOptions, type TlsOptions } from "./link.js";
import { isExchange, OURSELVES, targetsOf, type NextHop, type Resolver } from "./next-hop.js";
import type { Address } from "./node.js";
import { fitting, NO_OFFERS, Transaction } from "./transaction.js";
import { visible } from "./visible.js";

export interface UpstreamOptions extends Introduction {
  /** TLS from the first octet on (RFC 8314), in the place of STARTTLS. */
  readonly implicitTls?: boolean;
  readonly tls?: TlsOptions;
  /** Extensions of the application's own, to be made use of where they are offered. */
  readonly extensions?: readonly Extension[];
  readonly limits?: Partial<Limits>;
  /** For a connection, and for a handshake, in milliseconds. 30,000 if not given. */
  readonly connectMs?: number;
  /** From the wish for a transaction to the answer to its MAIL, over all next hops. 240,000 if not given. */
  readonly beginMs?: number;
  /** How many idle connections are kept: 20 if not given; and for how long: 60,000 ms. */
  readonly keep?: number;
  readonly keepMs?: number;
  /** Who looks up mail exchangers: the system if not given. */
  readonly resolver?: Resolver;
  /** Whether an address is our own: mail is not sent there. */
  readonly isOurs?: (address: Address) => boolean;
  /** For the operator: a connection failed. One line, fit for a terminal. */
  readonly log?: (line: string) => void;
  readonly trace?: LinkOptions["trace"];
}

const CONNECT_MS = 30_000;
const BEGIN_MS = 240_000;
const KEEP = 20;
const KEEP_MS = 60_000;
/** A client that says EHLO is not kept waiting longer than this for what the next hop offers. */
const OFFERS_MS = 20_000;

const TOO_LATE = trouble("4.4.1", "Upstream: not reached in time");
const NO_NEXT_HOP = trouble("4.4.4", "Upstream: there is none");

/** A wish for a connection: it may be given up while it is worked on. */
interface Attempt {
  link: Link | undefined;
  over: boolean;
}

export class Upstream {
  readonly #nextHops: readonly NextHop[];
  readonly #options: UpstreamOptions;
  readonly #link: LinkOptions;
  /** Those used last are last. */
  readonly #idle = new Map<Link, NodeJS.Timeout>();
  #offers: Offers | undefined;
  #offersUntilMs = 0;
  #asking: Promise<unknown> | undefined;
  #closed = false;

  /** Next hops are tried in order. */
  constructor(nextHops: NextHop | readonly NextHop[], options: UpstreamOptions = {}) {
    this.#nextHops = isNextHop(nextHops) ? [nextHops] : nextHops;
    this.#options = options;
    this.#link = {
      settings: settings({ extensions: [...CLIENT_EXTENSIONS, ...(options.extensions ?? [])], ...(options.limits && { limits: options.limits }) }),
      lmtp: options.lmtp === true,
      implicitTls: options.implicitTls === true,
      tls: options.tls ?? {},
      connectMs: options.connectMs ?? CONNECT_MS,
      trace: options.trace,
    };
  }

  /** What the next hop offers, as it said last, or says now; undefined where it cannot be reached, or not soon. */
  async offers(): Promise<Offers | undefined> {
    if (performance.now() < this.#offersUntilMs) return this.#offers;
    this.#asking ??= this.#within(OFFERS_MS, async (attempt) => { // many ask at a time, and one goes
      const link = await this.#connect(attempt);
      if (link instanceof Link) this.#keep(link);
    }).finally(() => (this.#asking = undefined));
    await this.#asking;
    return performance.now() < this.#offersUntilMs ? this.#offers : undefined;
  }

  /**
   * Opens a transaction with MAIL. An idle connection is used again, behind RSET; one that turns out dead before MAIL is answered
   * is replaced, and nobody notices.
   */
  async begin(mail: Mail): Promise<Transaction> {
    const begun = await this.#within(this.#options.beginMs ?? BEGIN_MS, async (attempt) => {
      const idle = this.#takeIdle();
      const again = idle && (attempt.link = idle) && (await this.#begin(idle, mail, true));
      if (again !== undefined || attempt.over) return again;
      const link = await this.#connect(attempt);
      return link instanceof Link ? this.#begin(link, mail, false) : new Transaction(link);
    });
    return begun ?? new Transaction(TOO_LATE);
  }

  /** Whether a next hop is an address of our own (`isOurs`). Mail exchangers are looked up when they are needed. */
  async leadsToUs(): Promise<boolean> {
    const hops = this.#nextHops.filter((hop) => !isExchange(hop));
    const found = await Promise.all(hops.map((hop) => targetsOf(hop, undefined, this.#options.isOurs)));
    return found.includes(OURSELVES);
  }

  /** Says QUIT on all idle connections. Transactions that are open go on. */
  close(): void {
    this.#closed = true;
    for (const link of [...this.#idle.keys()]) this.#letGo(link);
  }

  async #begin(link: Link, mail: Mail, used: boolean): Promise<Transaction | undefined> {
    const reset = used ? link.ask({ type: "RSET" }) : undefined;
    let given: Reply;
    try {
      given = await link.ask(fitting(mail, "mail", this.#link.settings, link.offers));
    } catch (error) {
      given = trouble("4.5.0", `Upstream: it has changed (${(error as Error).message})`); // since its offers were passed on
    }
    const alive = link.lost === undefined && ((await reset)?.code ?? 250) < 300;
    if (used && !alive) return void link.destroy();
    const transaction = new Transaction(given, link, this.#link.settings, () => this.#keep(link));
    if (given.code >= 300) transaction.abort();
    return transaction;
  }

  /** Runs what takes long; when its time is over, with what has come of it. */
  async #within<T>(ms: number, work: (attempt: Attempt) => Promise<T>): Promise<T | undefined> {
    const attempt: Attempt = { link: undefined, over: false };
    const timer = setTimeout(() => {
      attempt.over = true;
      attempt.link?.destroy(TOO_LATE);
    }, ms);
    return work(attempt).finally(() => clearTimeout(timer));
  }

  /** Goes through the next hops, and through the addresses of each, until one is ready to take mail. */
  async #connect(attempt: Attempt): Promise<Link | Reply> {
    let failure: Reply = NO_NEXT_HOP;
    for (const hop of this.#nextHops) {
      const targets = await targetsOf(hop, this.#options.resolver, this.#options.isOurs);
      if ("code" in targets) this.#report(hop, (failure = targets));
      for (const target of "code" in targets ? [] : targets) {
        if (attempt.over) return TOO_LATE;
        const link = (attempt.link = new Link(target, this.#link));
        const refusal = await introduce(link, this.#options).catch((error: Error) => trouble("4.3.5", `Upstream: cannot be told who we are (${error.message})`));
        if (refusal === undefined) {
          this.#offers = link.offers ?? NO_OFFERS;
          this.#offersUntilMs = performance.now() + (this.#options.keepMs ?? KEEP_MS);
          return link;
        }
        failure = refusal;
        this.#report(target.address, failure);
        link.quit();
      }
    }
    return attempt.over ? TOO_LATE : failure;
  }

  #report(where: Address, { code, lines }: Reply): void {
    this.#options.log?.(visible(`upstream ${typeof where === "string" ? where : where.join(":")}: ${code} ${lines.join(" ")}`));
  }

  /** Keeps a connection for the next transaction, if it is fit for one and there is room. */
  #keep(link: Link): void {
    const { keep = KEEP, keepMs = KEEP_MS } = this.#options;
    if (!link.free || this.#closed || this.#idle.size >= keep) return link.quit();
    link.onLost = () => this.#forget(link);
    link.idle(true);
    this.#idle.set(link, setTimeout(() => this.#letGo(link), keepMs).unref());
  }

  #takeIdle(): Link | undefined {
    const link = [...this.#idle.keys()].at(-1);
    if (link !== undefined) this.#forget(link);
    return link;
  }

  #letGo(link: Link): void {
    this.#forget(link);
    link.quit();
  }

  #forget(link: Link): void {
    clearTimeout(this.#idle.get(link));
    this.#idle.delete(link);
    link.onLost = () => {};
    link.idle(false);
  }
}

/** One, not a list: [host, port], or a text. */
function isNextHop(given: NextHop | readonly NextHop[]): given is NextHop {
  return typeof given === "string" || typeof given[1] === "number";
}
