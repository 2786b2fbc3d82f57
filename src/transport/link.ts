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
import { Turn } from "./turn.js";

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
  readonly over: (link: Link) => void;
  /** Sees all octets of SMTP; credentials are left out. */
  readonly trace?: ((target: Target, from: "client" | "server", octets: Uint8Array) => void) | undefined;
}

/** The replies to a message: never none, since no answer must not be taken for a good one. */
export type Finals = readonly [Reply, ...Reply[]];

type Settle = (reply: Reply) => void;

/** Replies are short, and what is read here has been looked at before the next is: all connections read into the same octets. */
const READ = Buffer.allocUnsafeSlow(4_096);

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
  /** When whoever waits for it gives it up, on the clock of tick(). */
  deadline = Infinity;
  readonly #options: LinkOptions;
  readonly #client: Client;
  #socket: Socket;
  /** The answers that are owed, in the order of the questions. */
  readonly #owed: Settle[] = [];
  /** Called when what was written has left. */
  #onDrained: (() => void) | undefined;
  #onSecured: Settle | undefined;
  #lost: Reply | undefined;
  readonly #turn = new Turn(() => this.#socket, () => this.#pump());
  /** What was said last are credentials. */
  #discreet = false;
  /** The wait for the connection, or for a handshake; undefined once it is there. */
  #connecting: Wait | undefined;
  /** What was waited for at the last tick, and until when. */
  #wait: Wait | undefined;
  #waitEnds = Infinity;

  constructor(target: Target, options: LinkOptions) {
    this.target = target;
    this.#options = options;
    this.#client = new Client(options.client, { secure: options.implicitTls });
    this.greeting = new Promise((resolve) => this.#owed.push(resolve));
    const where = typeof target.address === "string" ? { path: target.address } : { host: target.address[0], port: target.address[1] };
    this.#socket = connectNet({ ...where, onread: { buffer: READ, callback: (length) => this.#read(length) } });
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
    this.#turn.begin();
    return new Promise((resolve) => this.#owed.push(resolve));
  }

  /** Call it now and then, with the time in milliseconds of a clock that does not go back: no reply needs a timer of its own. */
  tick(nowMs: number): void {
    const wait = this.#waited();
    if (wait !== this.#wait) this.#waitEnds = nowMs + (wait?.ms ?? Infinity); // no octet of a reply makes its time begin anew
    this.#wait = wait;
    if (nowMs >= this.deadline) return this.#over(TROUBLES.notReached);
    if (nowMs < this.#waitEnds) return;
    if (this.#connecting !== undefined) return this.#over(TROUBLES.noAnswer);
    this.#client.timedOut();
    this.#pump();
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
    const { owed } = this.#client;
    const replies: Reply[] = [];
    const finals = new Promise<Finals>((resolve) => {
      const settle = (given: Reply): void => {
        if (replies.push(given) === owed) resolve(replies as readonly Reply[] as Finals);
      };
      for (let nth = 0; nth < owed; nth++) this.#owed.push(settle);
    });
    this.#pump();
    return owed > 0 ? finals : Promise.resolve([this.#lost ?? TROUBLES.closed]); // lost before its end could be said
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
    this.#connecting = { for: "handshake", ms: this.#options.connectMs };
    socket.once(event, () => {
      connected = true;
      this.#connecting = undefined;
      if (event === "secureConnect") socket.on("data", (octets: Buffer) => this.#receive(octets));
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

  /** Of a plain socket; a trace may keep what it is shown. */
  #read(length: number): boolean {
    const octets = READ.subarray(0, length);
    this.#receive(this.#options.trace === undefined ? octets : Buffer.from(octets));
    return true;
  }

  #receive(octets: Uint8Array): void {
    this.#trace("server", this.#discreet ? REPLY_TO_CREDENTIALS : octets);
    this.#client.receive(octets);
    this.#pump();
  }

  #drained(): void {
    this.#onDrained?.();
    this.#onDrained = undefined;
  }

  #pump(): void {
    while (this.#lost === undefined) {
      const step = this.#client.next();
      switch (step.type) {
        case "output":
          this.#discreet = step.secret === true;
          if (this.#options.trace !== undefined) this.#trace("client", this.#discreet ? CREDENTIALS : step.octets);
          this.#turn.say(step.text ?? step.octets);
          break;
        case "reply":
          this.#owed.shift()!(step.reply);
          break;
        case "need-input":
          return;
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

  #trace(from: "client" | "server", octets: Uint8Array): void {
    try {
      this.#options.trace?.(this.target, from, octets);
    } catch {
      // a trace that fails is no reason to stop
    }
  }

  /** What is waited for: the connection, a reply, or room for the next piece of a message. */
  #waited(): Wait | undefined {
    if (this.#connecting !== undefined) return this.#connecting;
    const { wait } = this.#client;
    return wait.for === "reply" || (wait.for === "data" && this.#socket.writableNeedDrain) ? wait : undefined;
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
    this.#client.ended();
    this.#socket.destroy();
    for (const settle of [...this.#owed.splice(0), this.#onDrained, this.#onSecured]) settle?.(why);
    this.#options.over(this);
  }
}
