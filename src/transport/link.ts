// One connection to a server: promises over the client engine. None of them rejects for anything that the server does: what goes
// wrong is a reply, too, one of ours, with the reason, so that whoever asked can pass it on as it is.

import { connect as connectNet, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { Client, reply, type ClientOptions, type Offers, type Reply, type Request, type Wait } from "../protocol/index.js";
import { unmapped } from "./address.js";
import { channelBinding } from "./channel-binding.js";
import type { Target } from "./next-hop.js";
import { detach } from "./socket-wire.js";
import type { Eventually } from "./eventually.js";
import type { ChannelBinding, TlsOptions } from "./tls.js";
import { troubleIn, troubleOf, TROUBLES } from "./trouble.js";

export interface LinkOptions {
  /** Sent in front of all else, TLS too: the header of the PROXY protocol. */
  readonly announcement?: Uint8Array | undefined;
  readonly client: ClientOptions;
  /** TLS from the first octet on (RFC 8314). */
  readonly implicitTls: boolean;
  readonly tls: TlsOptions;
  /** For the connection, and for a handshake. */
  readonly connectMs: number;
  /** Called once, when the connection is over. */
  readonly over?: () => void;
  /** Sees all octets of SMTP; credentials are left out. */
  readonly trace?: ((target: Target, from: "client" | "server", octets: Uint8Array) => void) | undefined;
}

/** The replies to a message: never none, since no answer must not be taken for a good one. */
export type Finals = readonly [Reply, ...Reply[]];

type Settle = (reply: Reply) => void;

const SECURED = reply(220, "2.0.0", "Secured", "RFC 3207 §4");
const CREDENTIALS = Buffer.from("(credentials)\r\n");
/** It may quote them. */
const REPLY_TO_CREDENTIALS = Buffer.from("(reply to credentials)\r\n");

export class Link {
  readonly target: Target;
  /** The answer to having connected (RFC 5321 §3.1). */
  readonly greeting: Promise<Reply>;
  /** How many transactions were begun on it. */
  transactions = 0;
  /** Called once, when the session is over. */
  onLost: () => void = () => {};
  readonly #options: LinkOptions;
  readonly #client: Client;
  #socket: Socket;
  /** The answers that are owed, in the order of the questions. */
  readonly #owed: Settle[] = [];
  /** Called when what was written has left. */
  #onDrained: (() => void) | undefined;
  #onSecured: Settle | undefined;
  #lost: Reply | undefined;
  #scheduled = false;
  /** What was said last are credentials. */
  #discreet = false;
  #timer: NodeJS.Timeout | undefined;
  /** What the timer is armed for. */
  #watched: Wait | undefined;

  constructor(target: Target, options: LinkOptions) {
    this.target = target;
    this.#options = options;
    this.#client = new Client(options.client, { secure: options.implicitTls });
    this.greeting = new Promise((resolve) => this.#owed.push(resolve));
    const where = typeof target.address === "string" ? { path: target.address } : { host: target.address[0], port: target.address[1] };
    this.#socket = connectNet(where);
    this.#attach("connect", () => {
      if (options.announcement !== undefined) this.#socket.write(options.announcement);
      if (options.implicitTls) this.#handshake(() => {});
      else this.#pump();
    });
  }

  /** Why the session is over; undefined while it goes on. */
  get lost(): Reply | undefined {
    return this.#lost;
  }

  get offers(): Offers | undefined {
    return this.#client.offers;
  }

  get secure(): boolean {
    return this.#client.secure;
  }

  /** What a login can be tied to; undefined where TLS gives nothing. */
  get binding(): ChannelBinding | undefined {
    return this.secure ? channelBinding(this.#socket) : undefined;
  }

  /** No transaction is open and nothing is owed: another may be begun. */
  get free(): boolean {
    return this.#client.state === "ready" && this.#client.owed === 0;
  }

  /** A transaction is open and no mail data on its way: RSET will end it, behind what is owed. */
  get mayReset(): boolean {
    return (this.#client.state === "mail" || this.#client.state === "rcpt") && this.#client.mayFollow;
  }

  /** Our own IP address on it; empty on a unix socket. */
  get localAddress(): string {
    return unmapped(this.#socket.localAddress ?? "");
  }

  /** Sends a command; several in a turn go out together. Throws what Client.send() throws. */
  ask(command: Request): Promise<Reply> {
    if (this.#lost !== undefined) return Promise.resolve(this.#lost);
    this.#client.send(command);
    this.#schedule();
    return new Promise((resolve) => this.#owed.push(resolve));
  }

  /** STARTTLS, and the handshake behind it. */
  async startTls(): Promise<Reply> {
    const secured = new Promise<Reply>((resolve) => (this.#onSecured = resolve));
    const given = await this.ask({ type: "STARTTLS" });
    return given.code < 300 ? secured : given;
  }

  /** A piece of the message. A reply: it is lost. A promise: wait for it before the next piece. */
  body(chunk: Uint8Array): Eventually<Reply | undefined> {
    if (this.#lost !== undefined) return this.#lost;
    this.#client.body(chunk);
    this.#pump();
    if (this.#lost !== undefined || !this.#socket.writableNeedDrain) return this.#lost;
    return new Promise((resolve) => (this.#onDrained = () => resolve(this.#lost)));
  }

  /** The message is whole: the final reply, or, with LMTP, one for each accepted recipient. */
  end(): Promise<Finals> {
    if (this.#lost !== undefined) return Promise.resolve([this.#lost]);
    this.#client.endBody();
    const replies = Array.from({ length: this.#client.owed }, () => new Promise<Reply>((resolve) => this.#owed.push(resolve)));
    this.#pump();
    const [first, ...others] = replies;
    if (first === undefined) return Promise.resolve([this.#lost ?? TROUBLES.closed]); // lost before its end could be said
    return Promise.all([first, ...others]);
  }

  /** Says QUIT, and closes when it is answered, whatever the answer (§4.1.1.10). */
  async quit(): Promise<void> {
    try {
      await this.ask({ type: "QUIT" });
    } catch {
      // it cannot be said here: in the middle of mail data, or of AUTH
    }
    this.destroy();
  }

  /** Closes at once: a message that is on its way stays without an end. */
  destroy(why: Reply = TROUBLES.closed): void {
    this.#over(why);
  }

  /** While it is idle, it does not keep the program alive. */
  idle(yes: boolean): void {
    if (yes) this.#socket.unref();
    else this.#socket.ref();
  }

  #attach(event: "connect" | "secureConnect", then: () => void): void {
    const socket = this.#socket;
    let connected = false;
    // In the same tick: an error without a listener is an exception.
    socket.on("error", (error: NodeJS.ErrnoException) => this.#over(connected ? TROUBLES.closed : troubleOf(error, event)));
    socket.setNoDelay(true);
    this.#arm(this.#options.connectMs, () => this.#over(TROUBLES.noAnswer));
    socket.once(event, () => {
      connected = true;
      socket.on("data", (octets: Buffer) => this.#receive(octets));
      socket.on("drain", () => this.#drained());
      then();
    });
    for (const end of ["end", "close"] as const) {
      socket.on(end, () => {
        this.#client.ended();
        this.#pump();
      });
    }
  }

  #receive(octets: Uint8Array): void {
    this.#trace("server", this.#discreet ? REPLY_TO_CREDENTIALS : octets);
    this.#client.receive(octets);
    this.#pump();
  }

  #drained(): void {
    this.#onDrained?.();
    this.#onDrained = undefined;
    this.#watch();
  }

  /** What is asked in one turn leaves with one write. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#lost === undefined) {
      const step = this.#client.next();
      switch (step.type) {
        case "output":
          this.#discreet = step.secret === true;
          this.#trace("client", this.#discreet ? CREDENTIALS : step.octets);
          this.#write(step.octets);
          break;
        case "reply":
          this.#owed.shift()!(step.reply);
          break;
        case "need-input":
          return this.#watch();
        case "handshake":
          return this.#handshake(() => {
            this.#client.secured();
            this.#onSecured?.(SECURED);
          });
        case "close":
          return this.#over(step.loss === undefined ? TROUBLES.closed : troubleIn(step.loss));
      }
    }
  }

  /** What is said in one turn leaves as one: a small message with its end, and what stands in front of it. */
  #write(octets: Uint8Array): void {
    const socket = this.#socket;
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    socket.write(octets);
  }

  #trace(from: "client" | "server", octets: Uint8Array): void {
    try {
      this.#options.trace?.(this.target, from, octets);
    } catch {
      // a trace that fails is no reason to stop
    }
  }

  /** Arms the timer for what is waited for: a reply, or room for the next piece of a message. */
  #watch(): void {
    const { wait } = this.#client;
    const waits = wait.for === "reply" || (wait.for === "data" && this.#socket.writableNeedDrain);
    const watched = waits && this.#lost === undefined ? wait : undefined;
    if (watched === this.#watched) return; // no octet of a reply makes its time begin anew
    this.#arm(watched?.ms, () => {
      this.#client.timedOut();
      this.#pump();
    });
    this.#watched = watched;
  }

  #arm(ms: number | undefined, late: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = ms === undefined ? undefined : setTimeout(late, ms);
    this.#watched = undefined;
  }

  /** What of the plain socket comes from here on belongs to the handshake. */
  #handshake(done: () => void): void {
    const plain = this.#socket;
    detach(plain);
    this.#socket = connectTls({ socket: plain, ...this.#tls() });
    this.#attach("secureConnect", () => {
      done();
      this.#pump();
    });
  }

  #tls(): ConnectionOptions {
    const { name } = this.target;
    const { ca, verify = true } = this.#options.tls;
    const given = isIP(name) === 0 ? { servername: name } : { host: name };
    return { ...given, ...(ca !== undefined && { ca: Buffer.from(ca) }), rejectUnauthorized: verify, minVersion: "TLSv1.2" };
  }

  #over(why: Reply): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    clearTimeout(this.#timer);
    this.#client.ended();
    this.#socket.destroy();
    for (const settle of [...this.#owed.splice(0), this.#onDrained, this.#onSecured]) settle?.(why);
    this.#options.over?.();
    this.onLost();
  }
}
