// The receiving end of a conversation (RFC 5321 §4). Octets go in with receive(), steps come out of next(), and reply() answers
// the oldest step that is owed an answer. There is no I/O in here, no clock and no callback; not pulling is backpressure.

import { octetsOf } from "./bytes.js";
import { announcesUtf8, type Command, type Hello } from "./command.js";
import type { Row, Settings, Terms } from "./extension.js";
import { settings as defaultSettings } from "./grammar.js";
import { Input, type Found } from "./input.js";
import { MailData } from "./mail-data.js";
import { formatReply, isReply, REPLIES, reply, severityOf, type Reply } from "./reply.js";
import { Conversation, EXPECTED, inTransaction, READS, type State } from "./state.js";
import type { Abort, AbortReason, Question, Step, Wait } from "./step.js";
import { Scan, verb } from "./syntax.js";
import { newTransaction, OTHER_PROTOCOLS } from "./verbs.js";

const NEED_INPUT = { type: "need-input" } as const;
const NEED_REPLY = { type: "need-reply" } as const;
const CLOSE = { type: "close" } as const;

export class Server {
  readonly #settings: Settings;
  readonly #terms: Terms;
  readonly #conversation: Conversation<Question>;
  readonly #input = new Input();
  /** Only while it is read: an idle connection holds none. */
  #data: MailData | undefined;
  /** MAIL was accepted, and neither `message` nor `abort` was given for it. */
  #open = false;
  #abort: Abort | undefined;
  #output = "";
  #flush = false;
  #errors = 0;
  /** "now": 421 as soon as nothing is in flight. "parting": something was; its client is given time to say QUIT. */
  #shutdown: "now" | "parting" | undefined;
  #progress = 0;

  constructor(settings: Settings = defaultSettings()) {
    this.#settings = settings;
    this.#terms = { ...settings, hello: undefined, transaction: newTransaction() };
    this.#conversation = new Conversation(settings.grammar.transitions);
  }

  get state(): State {
    return this.#conversation.state;
  }

  /** How the client introduced itself; undefined before EHLO and HELO. */
  get hello(): Hello | undefined {
    return this.#terms.hello;
  }

  get waitingFor(): Wait {
    if (this.state === "closed") return "nothing";
    return this.#conversation.owed > 0 ? "answer" : this.state === "data" ? "data" : "command";
  }

  /** How long that may take, in milliseconds; counted from when `progress` last changed. */
  get timeoutMs(): number {
    const { acceptMs, answerMs, commandMs, dataBlockMs, partingMs } = this.#settings.limits;
    const answer = this.state === "data" ? acceptMs : answerMs;
    const command = this.#shutdown !== undefined && !inTransaction(this.state) ? partingMs : commandMs;
    return { answer, command, data: dataBlockMs, nothing: Infinity }[this.waitingFor];
  }

  /** Changes with every command, every block of mail data and every reply: a new wait begins. */
  get progress(): number {
    return this.#progress;
  }

  /** Lends octets from the peer, until next() asks for more. Throws where they were not asked for. */
  receive(octets: Uint8Array): void {
    if (this.state !== "closed") this.#input.receive(octets);
  }

  /** The next step. Never throws, whatever the peer sends. */
  next(): Step {
    for (;;) {
      if (this.#abort !== undefined) return this.#takeAbort(this.#abort);
      if (this.#mayLeave()) return this.#takeOutput();
      if (this.state === "closed") return CLOSE;
      const step = this.#read();
      const waits = step === NEED_INPUT || step === NEED_REPLY;
      if (waits && this.#output !== "") return this.#takeOutput(); // nothing is held back while we wait (RFC 2920 §3.2)
      if (step === NEED_INPUT) this.#input.release();
      if (step !== undefined) return step;
    }
  }

  /**
   * Answers the oldest question; without a reply, with what its row says. Throws, before anything changes, where none is owed
   * or the reply makes no sense there (354 to MAIL). After the session's end it does nothing.
   */
  reply(given?: Reply): void {
    if (this.state === "closed") return;
    const asked = this.#conversation.oldest;
    if (asked === undefined) throw new Error("no reply is owed");
    const row = this.#row(asked.type)!;
    if (given === undefined) this.#answer(asked, row.ok(asked, this.#terms));
    else this.#answer(asked, severityOf(given.code) === 2 ? row.complete?.(given, this.#terms) ?? given : given);
  }

  /**
   * Refuses the message whose data is being read: the rest is read and dropped, then this reply is given. Throws RangeError
   * where it is no refusal.
   */
  refuse(why: Reply): void {
    if (severityOf(why.code) < 4) throw new RangeError(`${why.code} refuses nothing`);
    this.#data?.refuse(why);
    if (this.#data !== undefined) this.#giveUp("refused");
  }

  /** The peer is gone, or sends no more: nothing can be said to it. */
  ended(): void {
    this.#output = "";
    this.#close("closed");
  }

  /** `timeoutMs` have passed. */
  timedOut(): void {
    if (this.state === "closed") return;
    if (this.waitingFor === "answer") this.#hangUp("4.3.0", "Local timeout", "RFC 5321 §4.5.3.2", "timed out");
    else if (this.#shutdown === "parting" && !inTransaction(this.state)) this.#sayShutdown();
    else this.#hangUp("4.4.2", "Timeout", "RFC 5321 §4.5.3.2", "timed out");
  }

  /** Ends the session with 421 (§3.8): what is in flight is finished before; not so if `now`. */
  shutdown(now = false): void {
    if (this.state === "closed") return;
    if (now) this.#sayShutdown();
    else this.#shutdown ??= this.#conversation.owed > 0 || inTransaction(this.state) || this.#output !== "" ? "parting" : "now";
  }

  #read(): Step | undefined {
    const { owed } = this.#conversation;
    if (this.#shutdown === "now") return this.#sayShutdown();
    if (this.state === "connect") return owed > 0 ? NEED_REPLY : this.#ask({ type: "connect" });
    if (READS[this.state] === "data") return owed > 0 ? NEED_REPLY : this.#readData();
    return this.#readLine();
  }

  #readLine(): Step | undefined {
    const { grammar, lineEndings } = this.#settings;
    const dry = this.#conversation.owed > 0 ? NEED_REPLY : NEED_INPUT;
    const found = this.#input.findLine(grammar.longestLine, lineEndings === "normalise");
    if (found === "dry") return dry;

    const scan = new Scan(this.#input.line, this.#input.lineFrom);
    const name = found === "line" ? verb(scan) : "";
    const row = VERB.test(name) ? this.#row(name) : undefined;
    if (!this.#mayFollow(row)) return NEED_REPLY; // the line stays where it is until its turn
    if (this.#shutdown !== undefined && !inTransaction(this.state) && name !== "QUIT") return this.#sayShutdown();
    const parsed = this.#problem(found, name, row) ?? row!.parse!(scan, this.#terms);
    if (isReply(parsed) && this.#conversation.owed > 0) return NEED_REPLY; // our refusals do not overtake answers
    this.#input.takeLine();
    this.#progress += 1;
    return isReply(parsed) ? this.#refuseCommand(parsed, row) : this.#ask(parsed as Command);
  }

  /** What stands against a command before it is parsed: 500, 502, 503 (§4.2.4, §4.1.4). */
  #problem(found: Found, name: string, row: Row | undefined): Reply | undefined {
    const { grammar, limits } = this.#settings;
    const octets = this.#input.lineTo - this.#input.lineFrom;
    const allowed = this.#conversation.allows(name);
    if (this.state === "refused" && !allowed) return REPLIES.notInUse;
    if (found === "overlong" || octets > (grammar.lineOctets.get(name) ?? limits.commandLineOctets)) return REPLIES.lineTooLong;
    if (found === "bare") return REPLIES.bareInCommand;
    if (row === undefined) return OTHER_PROTOCOLS.has(name) ? REPLIES.otherProtocol : REPLIES.commandUnknown;
    if (row.parse === undefined) return REPLIES.notImplemented;
    return allowed ? undefined : reply(503, "5.5.1", `Bad sequence of commands: ${EXPECTED[this.state]}`, "RFC 5321 §4.1.4");
  }

  /** One at a time, but commands that commute: of those as many as the window holds and there is room for. */
  #mayFollow(row: Row | undefined): boolean {
    const { owed, newest } = this.#conversation;
    if (newest === undefined) return true;
    const { limits } = this.#settings;
    const room = Math.min(limits.rcptWindow, limits.recipients - this.#terms.transaction.recipients.length);
    return row?.commutes === true && row === this.#row(newest.type) && owed < room;
  }

  #readData(): Step | undefined {
    this.#data ??= new MailData(this.#settings);
    if (this.#data.ended) return this.#endOfData(this.#data);
    if (this.#input.empty) return NEED_INPUT;
    const chunk = this.#data.read(this.#input);
    this.#progress += 1;
    if (this.#data.refusal !== undefined) this.#giveUp(ABORTS.get(this.#data.refusal) ?? "refused");
    return chunk.length > 0 ? { type: "body", chunk } : undefined;
  }

  #endOfData(data: MailData): Step | undefined {
    const message = data.message(this.#terms);
    this.#data = undefined;
    this.#ask(message);
    if (data.refusal !== undefined) return this.#tooManyErrors(data.refusal) ? undefined : this.#answer(message, data.refusal);
    this.#open = false;
    return message;
  }

  #ask<Q extends Question>(question: Q): Q {
    this.#conversation.ask(question);
    return question;
  }

  #answer(asked: Question, given: Reply): undefined {
    const row = this.#row(asked.type)!;
    this.#conversation.answer(given.code);
    this.#progress += 1;
    if (severityOf(given.code) === 2) {
      row.agree?.(this.#terms, asked);
      if (asked.type === "MAIL") this.#open = true;
      if (asked.type === "message") this.#errors = 0;
    }
    this.#put(given, row, asked);
    if (this.state === "closed") this.#close("closed");
    else if (!inTransaction(this.state)) this.#leave("reset");
  }

  #refuseCommand(why: Reply, row: Row | undefined): undefined {
    if (!this.#tooManyErrors(why)) this.#put(why, row);
  }

  #tooManyErrors(why: Reply): boolean {
    if (severityOf(why.code) === 5) this.#errors += why === REPLIES.otherProtocol ? Infinity : 1;
    if (this.#errors < this.#settings.limits.errors) return false;
    this.#hangUp("4.7.0", "Too many errors", "RFC 5321 §7.8", "too many errors");
    return true;
  }

  #sayShutdown(): undefined {
    this.#hangUp("4.3.2", "Service shutting down", "RFC 5321 §3.8", "shut down");
  }

  #hangUp(enhanced: string, text: string, clause: string, reason: AbortReason): void {
    this.#put(reply(421, enhanced, `${this.#settings.hostname} ${text}`, clause), undefined);
    this.#close(reason);
  }

  #close(reason: AbortReason): void {
    this.#conversation.close();
    this.#data = undefined;
    this.#input.release();
    this.#flush = true;
    this.#leave(reason);
  }

  /** There is no transaction any more. */
  #leave(reason: AbortReason): void {
    this.#terms.transaction = newTransaction();
    this.#giveUp(reason);
  }

  #giveUp(reason: AbortReason): void {
    if (this.#open) this.#abort = { type: "abort", reason };
    this.#open = false;
  }

  #put(given: Reply, row: Row | undefined, asked?: Question): void {
    const { grammar, limits } = this.#settings;
    this.#output += formatReply(given, {
      enhanced: row?.plain !== true && grammar.extensions.has("ENHANCEDSTATUSCODES"),
      utf8: announcesUtf8(asked) || announcesUtf8(this.#terms.transaction.mail),
      lineOctets: limits.replyLineOctets,
    });
    this.#flush ||= row === undefined || row.endsGroup === true; // RFC 2920 §3.2: nor are answers to unknown commands held back
  }

  /** Replies leave together: when a group ends, or there are very many. */
  #mayLeave(): boolean {
    return this.#output !== "" && (this.#flush || this.#output.length >= this.#settings.limits.outputOctets);
  }

  #takeOutput(): Step {
    const octets = octetsOf(this.#output);
    this.#output = "";
    this.#flush = false;
    return { type: "output", octets };
  }

  #takeAbort(step: Abort): Step {
    this.#abort = undefined;
    return step;
  }

  #row(type: string): Row | undefined {
    return this.#settings.grammar.rows.get(type);
  }
}

/** Verbs are in upper case; "connect" and "message" are rows, but nobody can send them. */
const VERB = /^[A-Z0-9-]+$/;

/** What the strategy is told when the engine refuses a message. */
const ABORTS: ReadonlyMap<Reply, AbortReason> = new Map([
  [REPLIES.messageTooBig, "too big"],
  [REPLIES.bareInData, "bare CR or LF"],
]);
