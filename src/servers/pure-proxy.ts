// Relays everything upstream. A proxy in the strict sense: upstream's transaction opens with ours, its replies are the client's,
// the body streams through, and nothing is kept, so nothing can be lost.

import {
  BINARYMIME, DELIVER_BY, DSN, NO_SOLICITING, NOBODY_KNOWN, relayed, reply, RRVS, type Extension, type Forwarded, type Hello, type Mail, type Offers,
  type Parameters, type Path, type Settings,
} from "../protocol/index.js";
import {
  isLoopback, reaches, Stop, Upstream, type Address, type NextHop, type Passage, type Peer, type Session, type Signal,
  type UpstreamOptions,
} from "../transport/index.js";
import { Fields } from "./fields.js";
import { forwardedFrom, fromDomain, receivedLine, type Passed } from "./received.js";
import { Relaying, RELAYING_DENIED, type RelayingOptions } from "./relaying.js";
import { SMTPServer, type SMTPServerOptions } from "./smtp-server.js";

/** Octets pass through as they are: there is nothing to decode, nor to hold in memory. */
export interface PureProxyOptions extends Omit<SMTPServerOptions, "decodeData" | "memoryLimit" | "enableSMTPUTF8">, RelayingOptions {
  /** Puts an X-Peer line with the client's address in front, as Python's PureProxy did, though a relay adds no line but Received (§3.6.3). */
  readonly xPeer?: boolean;
  readonly upstream?: Omit<UpstreamOptions, "isOurs" | "log" | "lmtp">;
}

/** RFC 5321 §6.3: a message that has passed more hosts than this is going round. */
const MAX_HOPS = 100;
const GOING_ROUND = reply(554, "5.4.6", "Too many hops", "RFC 5321 §6.3");
/**
 * RFC 2045 §2.7, §2.8: neither 7bit nor 8bit. RFC 5321 §3.6.3 would pass it on; but a server that drops it may then see an end of
 * the data that was none.
 */
const NUL_IN_DATA = reply(554, "5.6.0", "Mail data holds a NUL", "RFC 2045 §2.8");
/** What part of our own patience a next hop has: for a transaction to be opened, for the reply to a command, and to a message. */
export interface Patience { readonly begin: number; readonly reply: number; readonly message: number }
/** It ends before ours, and ours before the client's. */
const SHARE = 0.9;

export class PureProxy extends SMTPServer {
  /** Offered to clients wherever upstream does: what is passed on as it came, in the same moment, asks nothing of the proxy itself. */
  static readonly passedOn: readonly Extension[] = [DELIVER_BY, DSN, NO_SOLICITING, RRVS];
  readonly #upstream: Upstream;
  readonly #ways: Upstream[] = [];
  readonly #relaying: Relaying;
  readonly #xPeer: boolean;
  /** Upstream is told where each message came from. */
  readonly #tells: boolean;
  /** Upstream knows who we are. */
  readonly #logsIn: boolean;
  readonly #listening: Promise<readonly Address[]>;
  #addresses: readonly Address[] = [];
  /** What upstream offered last, and what is offered to clients because of it. */
  #offered: { readonly theirs: Offers | undefined; readonly ours: Settings } | undefined;

  /** `remoteaddr`: the next hop, or several that are tried in order. */
  constructor(localaddr: Address, remoteaddr: NextHop | readonly NextHop[], options: PureProxyOptions = {}) {
    const relaying = new Relaying(options); // it may throw: before anything listens
    const given = options.extensions ?? [];
    const passedOn = new.target.passedOn.filter(({ keyword }) => given.every((each) => each.keyword !== keyword));
    // What comes in chunks goes on with DATA, which cannot carry binary mail (RFC 3030 §3).
    const extensions = [...passedOn, ...given].filter((each) => each !== BINARYMIME);
    super(localaddr, remoteaddr, { ...options, extensions, enableSMTPUTF8: true });
    this.#relaying = relaying;
    this.#xPeer = options.xPeer === true;
    this.#tells = options.upstream?.xforward === true;
    this.#logsIn = options.upstream?.auth !== undefined;
    this.#upstream = this.way(remoteaddr, options.upstream);
    this.#listening = this.#listen();
  }

  /** Rejects, too, where a next hop is this server itself. */
  override get listening(): Promise<readonly Address[]> {
    return this.#listening;
  }

  override async close(): Promise<void> {
    await super.close();
    await Promise.all(this.#ways.map((way) => way.close()));
  }

  override session(connected: Peer): Session {
    let peer = connected;
    let secure = false;
    if (!this.admits(peer) && this.options.authentication === undefined) return { RCPT: () => RELAYING_DENIED }; // upstream is not asked in vain
    let hello: Hello;
    /** As it is told in each message's trace line. */
    let from: string;
    let mail: Mail;
    let passage: Passage | undefined;
    let trace: Fields;
    /** What is still to go in front of the message: with its first octets, or with its end. */
    let front: Uint8Array | undefined;
    const sayFront = (): void => {
      if (front !== undefined) void passage!.body(front);
      front = undefined;
    };
    const how = (): Passed => ({ hello, mail, secure, lmtp: this.settings.lmtp });
    const gone = new Stop();
    const greet = async (command: Hello): Promise<Settings> => {
      hello = command;
      from = fromDomain(peer, hello);
      return this.#offer(await this.#upstream.offers());
    };
    return {
      secured: () => {
        secure = true;
        peer = connected;
      },
      authenticated: ({ authorizationId }) => {
        peer = { ...connected, user: authorizationId };
      },
      EHLO: greet,
      HELO: greet,
      LHLO: greet,
      MAIL: async (command) => {
        mail = command;
        const forwarded = this.#tells && command.forwarded === undefined ? forwardedFrom(peer, how()) : command.forwarded;
        passage = await this.begin(peer, this.#passedOn(peer, command, forwarded), gone);
        if (gone.aborted) passage.abort(); // in the same turn in which it was opened
        return passage.reply;
      },
      RCPT: (command) => {
        const { forwardPath } = command;
        if (!this.admits(peer, forwardPath)) return RELAYING_DENIED;
        const passedOn = withoutRoute(forwardPath); // nor is one followed
        return passage!.rcpt(passedOn === forwardPath ? command : { ...command, forwardPath: passedOn });
      },
      DATA: async () => {
        const given = await passage!.data();
        trace = new Fields("received");
        if (given.code < 400) front = Buffer.from(this.#inFront(peer, how(), from));
        return given;
      },
      body: (chunk) => {
        trace.pass(chunk);
        if (trace.count("received") > MAX_HOPS) return GOING_ROUND;
        if (holdsNul(chunk)) return NUL_IN_DATA;
        sayFront();
        return passage!.body(chunk);
      },
      message: async () => {
        sayFront();
        return (await passage!.end())[0];
      },
      abort: () => passage?.abort(),
      closed: () => {
        gone.abort(); // MAIL may be on its way still
        passage?.abort();
      },
    };
  }

  /** Opens what a client's MAIL asks for. `gone`: nobody waits for it any more. */
  protected begin(peer: Peer, mail: Mail, gone: Signal): Promise<Passage> {
    return this.#upstream.begin(mail, gone, peer);
  }

  /** Whether a client may send there; without a path: anywhere. */
  protected admits(peer: Peer, path?: Path): boolean {
    return this.#relaying.trusts(peer) || (path === undefined ? !this.#relaying.onlyThisHost : this.#relaying.isRelayDomain(path));
  }

  /** A way to a next hop: it knows our name, does not lead back to us, keeps our times, and is closed with us. */
  protected way(nextHops: NextHop | readonly NextHop[], { limits, ...options }: UpstreamOptions = {}): Upstream {
    const { answerMs, dataAnswerMs, messageAnswerMs, dataBlockMs } = this.settings.limits;
    const { begin, reply, message } = this.patience;
    const ours = { replyMs: answerMs * reply, dataReplyMs: dataAnswerMs * SHARE, messageReplyMs: messageAnswerMs * message, dataBlockMs: dataBlockMs * SHARE };
    try {
      const way = new Upstream(nextHops, {
        hostname: this.settings.hostname,
        extensions: this.options.extensions ?? [],
        leniencies: this.settings.leniencies,
        beginMs: answerMs * begin,
        log: (line) => this.log(line),
        ...options,
        limits: { ...ours, ...limits },
        isOurs: (address) => this.#addresses.some((own) => reaches(address, own)),
      });
      this.#ways.push(way);
      return way;
    } catch (error) {
      super.listening.catch(() => {});
      void super.close(); // nobody gets a server that listens and leads nowhere
      throw error;
    }
  }

  protected get patience(): Patience {
    return { begin: SHARE, reply: SHARE, message: SHARE };
  }

  /** What both ends can do; where upstream cannot be asked, all that we can: MAIL will tell. */
  #offer(theirs: Offers | undefined): Settings {
    if (this.#offered === undefined || this.#offered.theirs !== theirs) {
      this.#offered = { theirs, ours: theirs === undefined ? this.settings : relayed(this.settings, theirs) };
    }
    return this.#offered.ours;
  }

  /** As it came, nearly always: then there is nothing to make anew. */
  #passedOn(peer: Peer, command: Mail, forwarded: Forwarded | undefined): Mail {
    const reversePath = command.reversePath && withoutRoute(command.reversePath);
    const parameters = this.#submitted(peer, command.parameters);
    const asItCame = reversePath === command.reversePath && parameters === command.parameters && forwarded === command.forwarded;
    return asItCame ? command : { ...command, reversePath, parameters, ...(forwarded && { forwarded }) };
  }

  /** RFC 4954 §5: a client that has logged in is believed who submitted the message, nobody else is; and who knows us hears that nobody knows. */
  #submitted({ user }: Peer, given: Parameters): Parameters {
    if (given["AUTH"] === undefined && !this.#logsIn) return given;
    const { AUTH: submitter = NOBODY_KNOWN, ...others } = given;
    const believed = user === undefined ? NOBODY_KNOWN : submitter;
    return believed === NOBODY_KNOWN && !this.#logsIn ? others : { ...others, AUTH: believed };
  }

  #inFront(peer: Peer, how: Passed, from: string): string {
    const received = receivedLine(peer, how, this.settings.hostname, new Date(), from);
    return this.#xPeer ? `${received}X-Peer: ${peer.address}\r\n` : received;
  }

  async #listen(): Promise<readonly Address[]> {
    this.#addresses = await super.listening;
    const leadToUs = await Promise.all(this.#ways.map((way) => way.leadsToUs()));
    if (leadToUs.includes(true)) {
      await this.close();
      throw new Error("the next hop is this server itself");
    }
    const others = this.#mayNotRelay();
    if (others !== undefined) this.log(`listening for ${others} may relay; --allow CIDR or --relay-domain DOMAIN opens it`);
    return this.#addresses;
  }

  /** Who is listened for in vain; undefined where there is nobody. */
  #mayNotRelay(): string | undefined {
    const { proxyProtocol = [] } = this.options;
    if (!this.#relaying.onlyThisHost) return undefined;
    if (proxyProtocol.length > 0) return "proxies, but none of their clients";
    return this.#addresses.every(isLoopback) ? undefined : "all hosts, but only clients on this one";
  }
}

/** Appendix C: no route is passed on. */
function withoutRoute(path: Path): Path {
  return path.sourceRoute.length === 0 ? path : { ...path, sourceRoute: [] };
}

/** As a Buffer does, a hundred times as fast as a Uint8Array (bench/relay.js, lines with a dot in front). */
function holdsNul(octets: Uint8Array): boolean {
  return Buffer.prototype.indexOf.call(octets, 0) >= 0;
}
