// The loop between a wire, an engine and a session's hooks. It is synchronous while the answers are: a pipelined group of
// commands whose hooks answer at once costs no promise and no extra turn.

import {
  REPLIES, Server, type ClientAttributes, type Command, type Handshake, type Output, type Question, type Reply, type Settings, type Wait, type XClient,
} from "../protocol/index.js";
import { isSettings, isThenable, repliesOf, replyOf, taken, type AnyAnswer } from "./answer.js";
import type { Eventually } from "./eventually.js";
import { spokenFor } from "./forwarders.js";
import type { Identity } from "./sasl/mechanism.js";
import type { Answer, Authentication, Peer, Session, Strategy } from "./strategy.js";
import type { Secured } from "./tls.js";
import type { Wire } from "./wire.js";

export interface ServeOptions {
  readonly settings: Settings;
  readonly strategy: Strategy;
  /** How clients log in, if they may. */
  readonly authentication?: Authentication | undefined;
  /** What a peer may say of clients of its own: XCLIENT, XFORWARD. Nothing, if not given. */
  readonly permitted?: ((peer: Peer) => ReadonlySet<string>) | undefined;
  /** For the operator: a hook failed; what the peer heard, if it was owed a reply. */
  readonly failed: (what: string, error: unknown, peer: Peer, replied?: Reply) => void;
  /** A message was taken: its 2yz is on the way. */
  readonly accepted?: ((peer: Peer) => void) | undefined;
  /** Sees all octets as they come and go. */
  readonly trace?: ((peer: Peer, from: "client" | "server", octets: Uint8Array) => void) | undefined;
}

interface Slot {
  readonly question: Question;
  answer: AnyAnswer;
  settled: boolean;
}

const NOTHING: ClientAttributes = {};

type Blocked = "on the wire" | "on a body hook" | "on the handshake" | undefined;

export class Connection {
  readonly #wire: Wire;
  readonly #options: ServeOptions;
  readonly #engine: Server;
  /** Who it is that the session is with: the wire's peer, or a client that it speaks for. */
  #peer: Peer;
  #session: Session;
  #exchange: Session;
  /** What the wire's peer has told of a client (XCLIENT), since the last hello. */
  #told: ClientAttributes = NOTHING;
  #tls: Secured | undefined;
  /** Questions whose answer is not there yet, or waits behind such a one. At most limits.rcptWindow. */
  readonly #slots: Slot[] = [];
  #blocked: Blocked;
  #pumping = false;
  #paused = false;
  #over = false;
  /** What was waited for at the last tick, and until when. */
  #wait: Wait | undefined;
  #waitEnds = Infinity;
  #messageEnds = Infinity;

  /** `tls`: the wire is secure already (RFC 8314). */
  constructor(wire: Wire, options: ServeOptions, tls?: Secured) {
    this.#wire = wire;
    this.#options = options;
    const { peer } = wire;
    const permitted = options.permitted && { permitted: options.permitted(peer) };
    this.#engine = new Server(options.settings, { secure: tls !== undefined, bindable: tls?.binding !== undefined, ...permitted });
    this.#peer = peer;
    this.#tls = tls;
    this.#session = this.#sessionWith(peer);
    this.#exchange = this.#begin();
  }

  /** Goes on as far as it can. Call it once to begin. */
  pump(): void {
    if (this.#pumping || this.#over) return; // a hook that calls back finds the loop running
    this.#pumping = true;
    try {
      while (this.#blocked === undefined && this.#step());
    } finally {
      this.#pumping = false;
    }
  }

  /** Octets came. Only while the wire is not paused. */
  receive(octets: Uint8Array): void {
    if (this.#over) return;
    this.#trace("client", octets);
    this.#engine.receive(octets);
    this.pump();
  }

  /** The handshake is done. */
  secured(tls: Secured): void {
    if (this.#over) return;
    this.#engine.secured({ bindable: tls.binding !== undefined });
    this.#tls = tls;
    this.#tellSecured();
    this.#unblock();
  }

  /** What was written has gone. */
  drained(): void {
    if (this.#blocked === "on the wire") this.#unblock();
  }

  /** The peer sends no more; or the connection is lost. */
  ended(): void {
    this.#engine.ended();
    this.#unblock();
  }

  /** Ends the session: at the next boundary, or at once. */
  shutdown(now = false): void {
    this.#engine.shutdown(now);
    if (now) this.#blocked = undefined;
    this.pump();
  }

  /** Call it now and then, with the time in milliseconds of a clock that does not go back. */
  tick(nowMs: number): void {
    if (this.#over) return;
    const { wait } = this.#engine;
    if (wait !== this.#wait) this.#waitEnds = nowMs + wait.ms;
    if (wait.whole !== this.#wait?.whole) this.#messageEnds = nowMs + (wait.whole?.ms ?? Infinity);
    this.#wait = wait;
    if (nowMs < Math.min(this.#waitEnds, this.#messageEnds)) return;
    if (this.#blocked === "on the wire") this.#wire.destroy(); // a peer that does not read hears no 421 either
    this.#engine.timedOut();
    this.#unblock();
  }

  #sessionWith(peer: Peer): Session {
    const session: Session | PromiseLike<Session> = this.#options.strategy.session(peer);
    if (!isThenable(session)) return session;
    Promise.resolve(session).catch(() => {});
    throw new TypeError("session() has to return hooks, not a promise of them");
  }

  /** The session is there. Gives the hooks of its logins. */
  #begin(): Session {
    const session = this.#session;
    const { authentication, settings } = this.#options;
    this.#tellSecured();
    return authentication?.exchange(
      settings.hostname,
      () => this.#tls?.binding,
      (identity) => this.#tellLogin(session, identity),
      (error) => this.#report("AUTH", error),
    ) ?? session;
  }

  /** Not where the client has gone meanwhile. */
  #tellLogin(session: Session, identity: Identity): void {
    if (this.#engine.state !== "closed") this.#tell("authenticated", () => session.authenticated?.(identity));
  }

  #tellSecured(): void {
    const tls = this.#tls;
    if (tls !== undefined) this.#tell("secured", () => this.#session.secured?.(tls));
  }

  #step(): boolean {
    const step = this.#engine.next();
    switch (step.type) {
      case "need-input":
        if (this.#paused) this.#wire.resume();
        this.#paused = false;
        return false;
      case "need-reply":
        return this.#pause();
      case "output":
        if (this.#write(step)) return true;
        this.#blocked = "on the wire";
        return this.#pause();
      case "body":
        return this.#body(step.chunk);
      case "handshake":
        return this.#handshake(step);
      case "abort":
        this.#tell("abort", () => this.#session.abort?.(step));
        return true;
      case "close":
        return this.#finish();
      default:
        this.#ask(step as Question);
        return true;
    }
  }

  #write(output: Output): boolean {
    if (this.#options.trace !== undefined) this.#trace("server", output.octets);
    return output.text !== undefined && this.#wire.writeText !== undefined ? this.#wire.writeText(output.text) : this.#wire.write(output.octets);
  }

  #handshake({ dropped }: Handshake): false {
    if (dropped > 0) this.#report("STARTTLS", new Error(`${dropped} octets that came before the handshake were dropped (RFC 3207 §6)`));
    this.#blocked = "on the handshake";
    if (this.#wire.secure === undefined) this.#wire.destroy();
    else this.#wire.secure();
    return false;
  }

  #ask(question: Question): void {
    if (this.#session.leniency !== undefined && "leniencies" in question) this.#tellLeniencies(question);
    const answer = this.#guard(question.type, () => this.#call(question));
    if (!(answer instanceof Promise)) {
      if (this.#slots.length === 0) return this.#reply(question, answer);
      this.#slots.push({ question, answer, settled: true });
      return;
    }
    const slot: Slot = { question, answer: undefined, settled: false };
    this.#slots.push(slot);
    const settle = (value: AnyAnswer): void => {
      slot.answer = value;
      slot.settled = true;
      this.#settle();
    };
    answer.then(settle, (error) => settle(this.#failed(question.type, error)));
  }

  #tellLeniencies(command: Command): void {
    for (const name of command.leniencies ?? []) this.#tell("leniency", () => this.#session.leniency?.(name, command));
  }

  #call(question: Question): Eventually<AnyAnswer> {
    if (question.type === "EHLO" || question.type === "HELO" || question.type === "LHLO") this.#told = NOTHING;
    if (question.type === "message" && this.#session.message === undefined) return REPLIES.notHandled;
    const session = question.type === "AUTH" || question.type === "response" ? this.#exchange : this.#session;
    const hooks = session as { readonly [type: string]: ((step: Question) => Eventually<AnyAnswer>) | undefined };
    return hooks[question.type]?.call(session, question);
  }

  /** Passes on the answers that are there, in the order of the questions. */
  #settle(): void {
    while (this.#slots[0]?.settled) {
      const { question, answer } = this.#slots.shift()!;
      this.#reply(question, answer);
    }
    this.pump();
  }

  #reply(question: Question, answer: AnyAnswer): void {
    try {
      if (this.#engine.state === "closed") return; // too late
      if (question.type === "XCLIENT") return this.#engine.reply(this.#startOver(question as XClient, replyOf(answer as Answer)));
      if (isSettings(answer)) this.#engine.offer(answer);
      const given = isSettings(answer) ? undefined : repliesOf(answer);
      this.#engine.reply(given);
      if (question.type === "message" && taken(given)) {
        this.#tell("accepted", () => this.#options.accepted?.(this.#peer));
      }
    } catch (error) {
      this.#engine.reply(this.#failed(question.type, error));
    }
  }

  /**
   * XCLIENT: the session so far is over, unless it refuses, and one of the client's begins. What is told in several commands, one behind
   * the other, counts together; an address behind another one is of another client, of whom nothing is known yet.
   */
  #startOver({ attributes }: XClient, given: Reply | undefined): Reply {
    if (given !== undefined && given.code >= 300) return given;
    const another = attributes.ADDR !== undefined && this.#told.ADDR !== undefined;
    const told = { ...(another ? NOTHING : this.#told), ...attributes };
    const peer = spokenFor(told, this.#wire.peer);
    const [session, old] = [this.#sessionWith(peer), this.#session];
    this.#tell("closed", () => old.closed?.());
    [this.#told, this.#peer, this.#session] = [told, peer, session];
    this.#exchange = this.#begin();
    return REPLIES.ok; // the greeting follows, and is what the peer hears
  }

  #body(chunk: Uint8Array): boolean {
    const answer = this.#guard("body", () => this.#session.body?.(chunk));
    if (!(answer instanceof Promise)) {
      this.#mayRefuse(answer);
      return true;
    }
    const settle = (value: Answer): void => {
      this.#mayRefuse(value);
      if (this.#blocked === "on a body hook") this.#unblock();
    };
    this.#blocked = "on a body hook";
    answer.then(settle, (error) => settle(this.#failed("body", error)));
    return this.#pause();
  }

  #mayRefuse(answer: Answer): void {
    try {
      const refusal = replyOf(answer);
      if (refusal !== undefined) this.#engine.refuse(refusal);
    } catch (error) {
      this.#engine.refuse(this.#failed("body", error));
    }
  }

  #finish(): false {
    this.#over = true;
    this.#wire.close();
    this.#tell("closed", () => this.#session.closed?.());
    return false;
  }

  #unblock(): void {
    this.#blocked = undefined;
    this.pump();
  }

  #pause(): false {
    if (!this.#paused) this.#wire.pause();
    this.#paused = true;
    return false;
  }

  /** A hook that has nothing to answer. */
  #tell(what: string, hook: () => unknown): void {
    try {
      const told = hook() as Eventually<unknown>;
      if (isThenable(told)) Promise.resolve(told).catch((error: unknown) => this.#report(what, error));
    } catch (error) {
      this.#report(what, error);
    }
  }

  #trace(from: "client" | "server", octets: Uint8Array): void {
    if (this.#options.trace !== undefined) this.#tell("trace", () => this.#options.trace?.(this.#wire.peer, from, octets));
  }

  /** A hook that answers: at once, or by a true promise. */
  #guard<A extends AnyAnswer>(what: string, hook: () => Eventually<A>): A | Reply | Promise<A> {
    try {
      const answer = hook();
      return isThenable(answer) ? Promise.resolve(answer) : answer;
    } catch (error) {
      return this.#failed(what, error);
    }
  }

  /** The operator learns what happened; the peer only that something did. */
  #failed(what: string, error: unknown): Reply {
    this.#report(what, error, REPLIES.localError);
    return REPLIES.localError;
  }

  #report(what: string, error: unknown, replied?: Reply): void {
    try {
      this.#options.failed(what, error, this.#peer, replied);
    } catch {
      // there is nobody left to tell
    }
  }
}
