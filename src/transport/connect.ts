// Upstream, the way to the next hop: transactions over connections that are made, introduced, kept and given up here. Nothing
// rejects: where the next hop cannot be had, the answer is a reply that says why.

import {
  CLIENT_EXTENSIONS, LIMITS, parseServerLimits, SERVER_LIMITS, XFORWARD, xforwards, type Extension, type Leniency, type Limits, type Mail, type Offers,
  type Plain, type Preset, type Reply,
} from "../protocol/index.js";
import { SMTP_PORT, written, type Address } from "./address.js";
import { announcementOf } from "./announced.js";
import { tickMs } from "./clock.js";
import { inTime, Stop, type Signal } from "./in-time.js";
import { introduce, type IntroductionOptions } from "./introduce.js";
import { Link, type LinkOptions } from "./link.js";
import { isExchange, targetsOf, type NextHop, type Resolver, type Target } from "./next-hop.js";
import type { Peer } from "./strategy.js";
import type { TlsOptions } from "./tls.js";
import { notOffered, Transaction, unknownTo, without } from "./transaction.js";
import { forNow, trouble, TROUBLES } from "./trouble.js";
import { visible } from "./visible.js";

export interface UpstreamOptions extends IntroductionOptions {
  /** TLS from the first octet on (RFC 8314); STARTTLS is not asked for then. */
  readonly implicitTls?: boolean;
  readonly tls?: TlsOptions;
  /** Each connection begins with the header of the PROXY protocol, in this version, and tells of one client: none is kept for another. */
  readonly proxyProtocol?: 1 | 2;
  /** What may be written although the grammar has it otherwise: for a relay, that passes on what it let in. */
  readonly leniencies?: Iterable<Preset | Leniency>;
  /** Extensions of the application's own, to be made use of where they are offered. */
  readonly extensions?: readonly Extension[];
  /** Tells, with XFORWARD where it is offered, where a message came from: what MAIL has as `forwarded`. */
  readonly xforward?: boolean;
  readonly limits?: Partial<Limits>;
  /** For a connection, and for a handshake, in milliseconds. 30,000 if not given. */
  readonly connectMs?: number;
  /** For all that comes before the first transaction at one address: connection, greeting, hello, TLS, AUTH. 60,000 if not given. */
  readonly introduceMs?: number;
  /** From the wish for a transaction to the answer to its MAIL, over all next hops. 240,000 if not given. */
  readonly beginMs?: number;
  /** How many idle connections are kept: 20 if not given; and for how long: 60,000 ms. */
  readonly keep?: number;
  readonly keepMs?: number;
  /** How many connections there may be at a time. As many as it takes, if not given. */
  readonly most?: number;
  /** Who looks up mail exchangers: the system if not given. */
  readonly resolver?: Resolver;
  /** Whether an address is our own: mail is not sent there. */
  readonly isOurs?: (address: Address) => boolean;
  /** For the operator: a connection failed. One line, fit for a terminal. */
  readonly log?: (line: string) => void;
  /** Sees all octets of SMTP as they come and go, but for credentials. */
  readonly trace?: LinkOptions["trace"];
}

const DEFAULTS = { connectMs: 30_000, introduceMs: 60_000, beginMs: 240_000, keep: 20, keepMs: 60_000, most: Infinity };
/** A client that says EHLO is not kept waiting longer than this for what the next hop offers; and for how long that is believed. */
const OFFERS_MS = 20_000;
const OFFERS_VALID_MS = 60_000;

/** "Must issue STARTTLS first", "Authentication required" (RFC 3207 §4, RFC 4954 §6): it is not the mail that is refused. */
const NOT_TO_US = 530;

const RSET: Plain = { type: "RSET" };

/** From one look at the clock to the next, of the shortest time that is waited for anything. A wait begins and ends with a look: it may be two of them late. */
const TICK_SHARE = 0.05;

/** A connection that is ready for mail, and what is known of its other end. */
interface Ready {
  readonly link: Link;
  /** Parameters that it does not know, and that are left out. */
  readonly omitted: { readonly mail: ReadonlySet<string>; readonly rcpt: ReadonlySet<string> };
  /** How many transactions it takes (RFC 9422 §4.1). */
  readonly most: number;
  /** While it is idle: when it is let go. */
  idleUntil: number;
}

export class Upstream {
  readonly #nextHops: readonly NextHop[];
  readonly #options: UpstreamOptions & typeof DEFAULTS;
  readonly #known: readonly Extension[];
  /** Idle connections, those used last at the end. */
  #idle: Ready[] = [];
  /** Connections that there are, idle or not. */
  readonly #links = new Set<Link>();
  /** While there are connections. */
  #clock: NodeJS.Timeout | undefined;
  readonly #tickMs: number;
  #offers: Offers | undefined;
  #offersValidUntil = 0;
  #askingForOffers: Promise<Offers | undefined> | undefined;
  readonly #closing = new Stop();

  /** Next hops are tried in order. Throws RangeError for what is no port, and for LMTP on the port of SMTP. */
  constructor(nextHops: NextHop | readonly NextHop[], options: UpstreamOptions = {}) {
    this.#nextHops = isNextHop(nextHops) ? [nextHops] : nextHops;
    this.#options = { ...DEFAULTS, ...defined(options) };
    if (!this.#nextHops.every(hasPort)) throw new RangeError("a port is a number from 1 to 65535");
    if (options.lmtp === true && this.#nextHops.some((hop) => isExchange(hop) || hop[1] === SMTP_PORT)) {
      throw new RangeError("LMTP is not spoken on port 25 (RFC 2033 §5)");
    }
    const known = [...CLIENT_EXTENSIONS, ...(options.xforward === true ? [XFORWARD] : []), ...(options.extensions ?? [])];
    this.#known = [...new Map(known.map((each) => [each.keyword, each])).values()]; // one of the application's own takes the place of ours
    this.#tickMs = tickMs(timesOf(this.#options), TICK_SHARE);
  }

  /** What the next hop offers, as it said last, or says now; undefined where it cannot be reached, or not soon. */
  async offers(): Promise<Offers | undefined> {
    if (performance.now() < this.#offersValidUntil) return this.#offers;
    this.#askingForOffers ??= this.#askForOffers().finally(() => (this.#askingForOffers = undefined)); // many ask, one goes
    return inTime(OFFERS_MS, undefined, () => this.#askingForOffers!);
  }

  /** Opens a transaction with MAIL. `stop`: whoever wished for it has gone. `client`: on whose behalf, where the next hop is told (`proxyProtocol`). */
  begin(mail: Mail, stop?: Signal, client?: Peer): Promise<Transaction> {
    if (this.#closing.aborted || stop?.aborted === true) return Promise.resolve(new Transaction(TROUBLES.notReached));
    const until = performance.now() + this.#options.beginMs;
    const idle = this.#idle.pop();
    return idle === undefined ? this.#beginAfresh(mail, until, stop, client) : this.#beginAgain(idle, mail, until, stop, client);
  }

  /** Whether a next hop is an address of our own (`isOurs`). Mail exchangers are looked up when they are needed. */
  async leadsToUs(): Promise<boolean> {
    const hops = this.#nextHops.filter((hop) => !isExchange(hop));
    const found = await Promise.all(hops.map((hop) => targetsOf(hop, this.#options)));
    return found.includes(TROUBLES.ourselves);
  }

  /** Says QUIT on all idle connections, and begins nothing any more. Transactions that are open go on. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const link of this.#links) if (beginsAgain(link)) link.destroy(TROUBLES.notReached);
    await Promise.all(this.#idle.splice(0).map((ready) => this.#letGo(ready)));
  }

  #askForOffers(): Promise<Offers | undefined> {
    return inTime(this.#options.beginMs, undefined, async (givenUp) => {
      const ready = await this.#connect(givenUp);
      if ("code" in ready) return undefined;
      this.#keep(ready);
      return this.#offers;
    }, [this.#closing]);
  }

  /** RSET and MAIL together. Where the connection was dead, nothing had begun, and nobody has to know. */
  async #beginAgain(ready: Ready, mail: Mail, until: number, stop?: Signal, client?: Peer): Promise<Transaction> {
    const { link } = ready;
    const giveUp = (): void => link.destroy(TROUBLES.notReached);
    stop?.addEventListener("abort", giveUp);
    link.idle(false);
    link.deadline = until;
    const reset = link.ask(RSET);
    const given = await this.#mail(ready, mail);
    const alive = (await reset).code < 300 && link.lost === undefined;
    link.deadline = Infinity;
    stop?.removeEventListener("abort", giveUp);
    if (alive) return this.#opened(ready, given);
    void link.quit();
    return link.lost === TROUBLES.notReached ? new Transaction(link.lost) : this.#beginAfresh(mail, until, stop, client);
  }

  #beginAfresh(mail: Mail, until: number, stop?: Signal, client?: Peer): Promise<Transaction> {
    const late = new Transaction(TROUBLES.notReached);
    return inTime(until - performance.now(), late, async (givenUp) => {
      const ready = await this.#connect(givenUp, client);
      return "code" in ready ? new Transaction(ready) : this.#opened(ready, await this.#mail(ready, mail));
    }, stop === undefined ? [this.#closing] : [stop, this.#closing]);
  }

  #mail({ link, omitted }: Ready, mail: Mail): Promise<Reply> {
    link.transactions += 1;
    const offered = this.#options.xforward === true ? link.offers?.get(XFORWARD.keyword) : undefined;
    try {
      if (offered !== undefined) for (const told of xforwards(mail.forwarded ?? {}, offered)) void link.ask(told); // a refusal costs a line in a log
      return link.ask(without(mail, omitted.mail));
    } catch (error) {
      return Promise.resolve(notOffered(error));
    }
  }

  #opened(ready: Ready, said: Reply): Transaction {
    const { link, omitted } = ready;
    const given = said.code === NOT_TO_US ? forNow(said) : said;
    if (given !== said) this.#report(link.target.address, given);
    const transaction = new Transaction(given, { link, omitted: omitted.rcpt, done: () => this.#keep(ready) });
    if (given.code >= 300) transaction.abort();
    return transaction;
  }

  /** Goes through the next hops, and through the addresses of each, until one is ready to take mail. */
  async #connect(givenUp: Signal, client?: Peer): Promise<Ready | Reply> {
    let failure: Reply = TROUBLES.noNextHop;
    for (const hop of this.#nextHops) {
      const targets = await targetsOf(hop, { ...this.#options, stop: givenUp });
      if ("code" in targets) {
        this.#report(hop, (failure = targets));
        continue;
      }
      for (const target of targets) {
        if (givenUp.aborted) return TROUBLES.notReached;
        const ready = await this.#introduced(target, givenUp, client);
        if (!("code" in ready)) return ready;
        this.#report(target.address, (failure = ready));
      }
    }
    return failure;
  }

  /** A connection that is ready for MAIL, or why there is none. One that takes too long leaves time for other addresses. */
  async #introduced(target: Target, givenUp: Signal, client?: Peer): Promise<Ready | Reply> {
    const { implicitTls = false, lmtp = false, tls = {}, limits = {}, leniencies = [], proxyProtocol, connectMs, introduceMs, most, trace } = this.#options;
    if (this.#links.size >= most) return TROUBLES.tooMany;
    const announcement = proxyProtocol && announcementOf(proxyProtocol, client);
    const speaks = { extensions: this.#known, limits, lmtp, leniencies };
    const link = new Link(target, { announcement, client: speaks, implicitTls, tls, connectMs, trace, over: (lost) => this.#over(lost) });
    this.#links.add(link);
    this.#clock ??= setInterval(() => this.#tick(), this.#tickMs).unref(); // a connection that is waited for keeps the program alive itself
    givenUp.addEventListener("abort", () => link.destroy(TROUBLES.notReached));
    const refusal = await inTime(introduceMs, TROUBLES.noAnswer, () => introduce(link, this.#options), [givenUp]).catch(unwritable);
    if (refusal !== undefined) {
      if (refusal === TROUBLES.noAnswer) link.destroy(refusal);
      else void link.quit();
      return refusal;
    }
    this.#offers = link.offers ?? new Map();
    this.#offersValidUntil = performance.now() + OFFERS_VALID_MS;
    const omitted = { mail: unknownTo(link.offers, "mail", this.#known), rcpt: unknownTo(link.offers, "rcpt", this.#known) };
    const { MAILMAX = Infinity } = parseServerLimits(link.offers?.get(SERVER_LIMITS.keyword) ?? "");
    return { link, omitted, most: MAILMAX, idleUntil: 0 };
  }

  #report(where: Address, { code, lines }: Reply): void {
    try {
      this.#options.log?.(visible(`upstream ${written(where)}: ${code} ${lines.join(" ")}`));
    } catch {
      // a log that fails is no reason to stop
    }
  }

  /** Keeps a connection for the next transaction, if it is fit for one and there is room. */
  #keep(ready: Ready): void {
    const { link, most } = ready;
    const { keep, keepMs, proxyProtocol } = this.#options;
    const spent = proxyProtocol !== undefined || link.transactions >= most;
    if (spent || !link.free || this.#closing.aborted || this.#idle.length >= keep) return void link.quit();
    link.idle(true);
    ready.idleUntil = performance.now() + keepMs;
    this.#idle.push(ready);
  }

  #over(lost: Link): void {
    this.#links.delete(lost);
    this.#idle = this.#idle.filter(({ link }) => link !== lost);
    if (this.#links.size > 0) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const link of this.#links) link.tick(nowMs);
    while (this.#idle.length > 0 && this.#idle[0]!.idleUntil <= nowMs) void this.#letGo(this.#idle.shift()!);
  }

  #letGo({ link }: Ready): Promise<void> {
    link.idle(false);
    return link.quit();
  }
}

/** All that is waited for, in milliseconds. */
function timesOf({ limits, connectMs, keepMs, beginMs }: UpstreamOptions & typeof DEFAULTS): number[] {
  const { replyMs, dataReplyMs, messageReplyMs, quitReplyMs, rsetReplyMs, deliveryReplyMs, dataBlockMs } = { ...LIMITS, ...limits };
  return [replyMs, dataReplyMs, messageReplyMs, quitReplyMs, rsetReplyMs, deliveryReplyMs, dataBlockMs, connectMs, keepMs, beginMs];
}

/** What an option that is there and undefined stands for is the default. */
function defined<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O;
}

/** MAIL is on its way on a connection that was kept. */
function beginsAgain({ deadline }: Link): boolean {
  return deadline < Infinity;
}

/** What we are called, or how we prove it, cannot be written as a command. */
function unwritable({ message }: Error): Reply {
  return trouble("4.3.5", `it cannot be told who we are (${message})`);
}

function hasPort(hop: NextHop): boolean {
  return typeof hop === "string" || (Number.isInteger(hop[1]) && hop[1] > 0 && hop[1] <= 65_535);
}

/** One, not a list: [host, port], or a text. */
function isNextHop(given: NextHop | readonly NextHop[]): given is NextHop {
  return typeof given === "string" || typeof given[1] === "number";
}
