// The receiving end of a conversation (RFC 5321 §4). Octets go in with receive(), steps come out of next(), and reply() answers
// the oldest step that is owed an answer. There is no I/O in here, no clock and no callback; not pulling is backpressure.

import { octetsOf } from "./bytes.js";
import { announcesUtf8, type Command, type Hello } from "./command.js";
import type { Row, Settings, Terms } from "./extension.js";
import { settings as defaultSettings } from "./grammar.js";
import { Input, type Found } from "./input.js";
import { MailData } from "./mail-data.js";
import { formatReply, isReply, REPLIES, reply, severityOf, type Reply } from "./reply.js";
import { Conversation, EXPECTED, inTransaction, type State } from "./state.js";
import type { Abort, AbortReason, Question, Step, Wait } from "./step.js";
import { Scan, verb } from "./syntax.js";
import { newTransaction, OTHER_PROTOCOLS } from "./verbs.js";

const NEED_INPUT = { type: "need-input" } as const;
const NEED_REPLY = { type: "need-reply" } as const;
const CLOSE = { type: "close" } as const;

export class Server {
  readonly #terms: Terms;
  readonly #conversation: Conversation<Question>;
  readonly #input = new Input();
  /** Only while it is read: an idle connection holds none. */
  #data: MailData | undefined;
  /** MAIL was accepted, and neither `message` nor `abort` was given for it. */
  #owesEnd = false;
  #abort: Abort | undefined;
  #output = "";
  #flush = false;
  #errors = 0;
  /** "now": 421 as soon as nothing is in flight. "parting": something was; its client is given time to say QUIT. */
  #shutdown: "now" | "parting" | undefined;
  /** Made when it is asked for; forgotten when there is progress. */
  #wait: Wait | undefined;

  constructor(settings: Settings = defaultSettings()) {
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

  /** What is waited for now. Another value each time that a wait begins: with every command, block of data, question and reply. */
  get wait(): Wait {
    return (this.#wait ??= this.#newWait());
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

  /** What is offered from the next answer to EHLO or HELO on, in this session alone. */
  offer(settings: Settings): void {
    Object.assign(this.#terms, settings);
    this.#conversation.transitions = settings.grammar.transitions;
  }

  /**
   * Refuses the message whose data is being read: the rest is read and dropped, then this reply is given. Throws RangeError
   * where it is no refusal.
   */
  refuse(why: Reply): void {
    if (severityOf(why.code) < 4) throw new RangeError(`${why.code} refuses nothing`);
    this.#data?.refuse(why);
    if (this.#data !== undefined) this.#queueAbort("refused");
  }

  /** The peer is gone, or sends no more: nothing can be said to it. */
  ended(): void {
    this.#output = "";
    this.#close("closed");
  }

  /** The time of `wait` is over. */
  timedOut(): void {
    if (this.state === "closed") return;
    if (this.wait.for === "answer") this.#hangUp("4.3.0", "Local timeout", "RFC 5321 §4.5.3.2", "timed out");
    else if (this.#shutdown === "parting" && !inTransaction(this.state)) this.#sayShutdown();
    else this.#hangUp("4.4.2", "Timeout", "RFC 5321 §4.5.3.2", "timed out");
  }

  /** Ends the session with 421 (§3.8): what is in flight is finished before; not so if `now`. */
  shutdown(now = false): void {
    if (this.state === "closed") return;
    this.#wait = undefined;
    if (now) this.#sayShutdown();
    else this.#shutdown ??= this.#conversation.owed > 0 || inTransaction(this.state) || this.#output !== "" ? "parting" : "now";
  }

  #read(): Step | undefined {
    const { owed } = this.#conversation;
    if (this.#shutdown === "now") return this.#sayShutdown();
    if (this.state === "connect") return owed > 0 ? NEED_REPLY : this.#ask({ type: "connect" });
    if (this.#data !== undefined) return this.#readData(this.#data);
    if (this.state === "data") return NEED_REPLY; // the message is there, and waits for its answer
    if (this.#conversation.newest?.type === "DATA") return NEED_REPLY; // what follows may be data: it is not looked at as a line
    return this.#readLine();
  }

  #readLine(): Step | undefined {
    const { grammar, lineEndings } = this.#terms;
    const dry = this.#conversation.owed > 0 ? NEED_REPLY : NEED_INPUT;
    const found = this.#input.findLine(grammar.longestLine, lineEndings === "normalise");
    if (found === "dry") return dry;

    const scan = new Scan(this.#input.line, this.#input.lineFrom);
    const name = found === "line" ? verb(scan) : "";
    const row = this.#row(name);
    if (!this.#mayFollow(row)) return NEED_REPLY; // the line stays where it is until its turn
    if (OTHER_PROTOCOLS.has(name)) return this.#hangUp("4.7.0", "This is SMTP", "RFC 5321 §7.8", "closed");
    if (this.#shutdown !== undefined && !inTransaction(this.state) && name !== "QUIT") return this.#sayShutdown();
    const parsed = this.#problem(found, name, row) ?? row!.parse!(scan, this.#terms);
    if (isReply(parsed) && this.#conversation.owed > 0) return NEED_REPLY; // our refusals do not overtake answers
    this.#input.dropLine();
    this.#wait = undefined;
    return isReply(parsed) ? this.#refuseCommand(parsed, row) : this.#ask(parsed as Command);
  }

  /** What stands against a command before it is parsed: 500, 502, 503 (§4.2.4, §4.1.4). */
  #problem(found: Found, name: string, row: Row | undefined): Reply | undefined {
    const { grammar, limits } = this.#terms;
    const octets = this.#input.lineTo - this.#input.lineFrom;
    const allowed = this.#conversation.allows(name);
    if (this.state === "refused" && !allowed) return REPLIES.notInUse;
    if (found === "overlong" || octets > (grammar.lineOctets.get(name) ?? limits.commandLineOctets)) return REPLIES.lineTooLong;
    if (found === "bare") return REPLIES.bareInCommand;
    if (row === undefined) return REPLIES.commandUnknown;
    if (row.parse === undefined) return row.ok({ type: name }, this.#terms);
    return allowed ? undefined : reply(503, "5.5.1", `Bad sequence of commands: ${EXPECTED[this.state]}`, "RFC 5321 §4.1.4");
  }

  /** One at a time, but commands that commute: of those as many as the window holds and there is room for. */
  #mayFollow(row: Row | undefined): boolean {
    const { owed, newest } = this.#conversation;
    if (newest === undefined) return true;
    const { limits } = this.#terms;
    const room = Math.min(limits.rcptWindow, limits.recipients - this.#terms.transaction.recipients.length);
    return row?.commutes === true && row === this.#row(newest.type) && owed < room;
  }

  #readData(data: MailData): Step | undefined {
    if (data.ended) return this.#endOfData(data);
    if (this.#input.empty) return NEED_INPUT;
    const chunk = data.read(this.#input);
    this.#wait = undefined;
    if (data.refusal !== undefined) this.#queueAbort(ABORTS.get(data.refusal) ?? "refused");
    return chunk.length > 0 ? { type: "body", chunk } : undefined;
  }

  #endOfData(data: MailData): Step | undefined {
    const message = data.message(this.#terms);
    this.#data = undefined;
    this.#ask(message);
    if (data.refusal !== undefined) return this.#countError(data.refusal) ? undefined : this.#answer(message, data.refusal);
    this.#owesEnd = false;
    return message;
  }

  #ask<Q extends Question>(question: Q): Q {
    this.#conversation.ask(question);
    this.#wait = undefined;
    return question;
  }

  #answer(asked: Question, given: Reply): undefined {
    const row = this.#row(asked.type)!;
    this.#conversation.answer(given.code);
    this.#wait = undefined;
    if (severityOf(given.code) === 2) {
      row.agree?.(this.#terms, asked);
      if (asked.type === "MAIL") this.#owesEnd = true;
      if (asked.type === "message") this.#errors = 0;
    }
    this.#put(given, row, asked);
    if (this.state === "data") this.#data = new MailData(this.#terms);
    if (this.state === "closed") this.#close("closed");
    else if (!inTransaction(this.state)) this.#endTransaction("reset");
  }

  #refuseCommand(why: Reply, row: Row | undefined): undefined {
    if (!this.#countError(why)) this.#put(why, row);
  }

  #countError(why: Reply): boolean {
    if (severityOf(why.code) === 5) this.#errors += 1;
    if (this.#errors < this.#terms.limits.errors) return false;
    this.#hangUp("4.7.0", "Too many errors", "RFC 5321 §7.8", "too many errors");
    return true;
  }

  #sayShutdown(): undefined {
    return this.#hangUp("4.3.2", "Service shutting down", "RFC 5321 §3.8", "shut down");
  }

  #hangUp(enhanced: string, text: string, clause: string, reason: AbortReason): undefined {
    this.#put(reply(421, enhanced, `${this.#terms.hostname} ${text}`, clause), undefined);
    this.#close(reason);
  }

  #close(reason: AbortReason): void {
    this.#conversation.close();
    this.#data = undefined;
    this.#input.release();
    this.#flush = true;
    this.#endTransaction(reason);
  }

  /** There is no transaction any more. */
  #endTransaction(reason: AbortReason): void {
    this.#terms.transaction = newTransaction();
    this.#queueAbort(reason);
  }

  #queueAbort(reason: AbortReason): void {
    if (this.#owesEnd) this.#abort = { type: "abort", reason };
    this.#owesEnd = false;
  }

  #put(given: Reply, row: Row | undefined, asked?: Question): void {
    const { grammar, limits } = this.#terms;
    this.#output += formatReply(given, {
      enhanced: row?.noEnhancedCode !== true && grammar.extensions.has("ENHANCEDSTATUSCODES"),
      utf8: announcesUtf8(asked) || announcesUtf8(this.#terms.transaction.mail),
      lineOctets: limits.replyLineOctets,
    });
    this.#flush ||= row === undefined || row.endsGroup === true; // RFC 2920 §3.2: nor are answers to unknown commands held back
  }

  /** Replies leave together: when a group ends, or there are very many. */
  #mayLeave(): boolean {
    return this.#output !== "" && (this.#flush || this.#output.length >= this.#terms.limits.outputOctets);
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

  #newWait(): Wait {
    const { limits } = this.#terms;
    if (this.state === "closed") return { for: "nothing", ms: Infinity };
    const asked = this.#conversation.oldest;
    if (asked !== undefined) return { for: "answer", ms: limits[this.#row(asked.type)!.within?.answer ?? "answerMs"] };
    if (this.#data !== undefined) return { for: "data", ms: limits.dataBlockMs, whole: this.#data.wait };
    return { for: "command", ms: this.#shutdown !== undefined && !inTransaction(this.state) ? limits.partingMs : limits.commandMs };
  }

  #row(type: string): Row | undefined {
    return this.#terms.grammar.rows.get(type);
  }
}

/** What the strategy is told when the engine refuses a message. */
const ABORTS: ReadonlyMap<Reply, AbortReason> = new Map([
  [REPLIES.messageTooBig, "too big"],
  [REPLIES.bareInData, "bare CR or LF"],
]);
