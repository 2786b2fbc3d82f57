// The receiving end of a conversation (RFC 5321 §4). Octets go in with receive(), steps come out of next(), and reply() answers
// the oldest step that is owed an answer. There is no I/O in here, no clock and no callback; not pulling is backpressure.

import { Answering, type Owed } from "./answering.js";
import type { Bdat, ChallengeResponse, Command } from "./command.js";
import type { PeerTerms, Row, Settings } from "./extension.js";
import { settings as defaultSettings } from "./grammar.js";
import { Input, type Found } from "./input.js";
import { MailData } from "./mail-data.js";
import { isReply, REPLIES, reply, severityOf, type Reply } from "./reply.js";
import { EXPECTED, inTransaction } from "./state.js";
import type { AbortReason, Handshake, Step, Wait } from "./step.js";
import { Scan } from "./scan.js";
import { CANCEL, OTHER_PROTOCOLS } from "./verbs.js";
import { verb } from "./words.js";

const NEED_INPUT = { type: "need-input" } as const;
const NEED_REPLY = { type: "need-reply" } as const;
const CLOSE = { type: "close" } as const;

export class Server extends Answering {
  readonly #input = new Input();
  /** Only while it is read: an idle connection holds none. */
  #data: MailData | undefined;
  /** A chunk that waits for the application's consent to its message. */
  #chunk: Bdat | undefined;
  /** Octets of a chunk that nobody wants, and what is said behind them. */
  #unwanted: { octets: number; readonly refusal: Reply } | undefined;
  /** STARTTLS was answered with 220: nothing is read until the handshake is done. */
  #handshake: Handshake | undefined;
  /** "now": 421 as soon as nothing is in flight. "parting": something was; its client is given time to say QUIT. */
  #shutdown: "now" | "parting" | undefined;

  /**
   * `secure`: under TLS from the first octet on (RFC 8314); `bindable`: it gives something that a login can be tied to. `permitted`:
   * XCLIENT, XFORWARD, where the peer is one that may say them.
   */
  constructor(settings: Settings = defaultSettings(), peer: PeerTerms = {}) {
    super(settings, peer);
  }

  /** What is waited for now. Another value each time that a wait begins: with every command, block of data, question and reply. */
  get wait(): Wait {
    return (this.waiting ??= this.#newWait());
  }

  /** Lends octets from the peer, until next() asks for more. Throws where they were not asked for. */
  receive(octets: Uint8Array): void {
    if (this.#handshake !== undefined) throw new Error("the handshake has to be done first");
    if (this.state !== "closed") this.#input.receive(octets);
  }

  /** The next step. Never throws, whatever the peer sends. */
  next(): Step {
    for (;;) {
      if (this.aborted !== undefined) return this.takeAbort(this.aborted);
      if (this.outgoing.mayLeave(this.terms.limits.outputOctets)) return this.outgoing.take();
      if (this.state === "closed") return CLOSE;
      const step = this.#read();
      const waits = step === NEED_INPUT || step === NEED_REPLY;
      if (waits && !this.outgoing.empty) return this.outgoing.take(); // nothing is held back while we wait (RFC 2920 §3.2)
      if (step === NEED_INPUT) this.#input.release();
      if (step !== undefined) return step;
    }
  }

  /** The handshake that was asked for is done: the session starts over, and nothing of before counts (RFC 3207 §4.2). Throws where there was none to do. */
  secured({ bindable = false } = {}): void {
    if (this.state === "closed") return;
    if (this.#handshake === undefined) throw new Error("there was no handshake to do");
    this.#handshake = undefined;
    this.waiting = undefined;
    Object.assign(this.terms, { secure: true, bindable });
    this.startOver();
  }

  /**
   * Refuses the message whose data is being read: the rest is read and dropped, then this reply is given. Throws RangeError
   * where it is no refusal.
   */
  refuse(why: Reply): void {
    if (severityOf(why.code) < 4) throw new RangeError(`${why.code} refuses nothing`);
    this.#data?.refuse(why);
    if (this.#data !== undefined) this.queueAbort("refused");
  }

  /** The peer is gone, or sends no more: nothing can be said to it. */
  ended(): void {
    this.outgoing.drop();
    this.close("closed");
  }

  /** The time of `wait` is over. */
  timedOut(): void {
    if (this.state === "closed") return;
    if (this.#handshake !== undefined) this.close("timed out");
    else if (this.wait.for === "answer") this.hangUp("4.3.0", "Local timeout", "RFC 5321 §4.5.3.2", "timed out");
    else if (this.#shutdown === "parting" && !inTransaction(this.state)) this.#sayShutdown();
    else this.hangUp("4.4.2", "Timeout", "RFC 5321 §4.5.3.2", "timed out");
  }

  /** Ends the session with 421 (§3.8): what is in flight is finished before; not so if `now`. */
  shutdown(now = false): void {
    if (this.state === "closed") return;
    this.waiting = undefined;
    if (now) this.#sayShutdown();
    else this.#shutdown ??= this.conversation.owed > 0 || inTransaction(this.state) || !this.outgoing.empty ? "parting" : "now";
  }

  #read(): Step | undefined {
    const { owed, newest } = this.conversation;
    if (this.#shutdown === "now") return this.#sayShutdown();
    if (this.#handshake !== undefined) return this.#handshake;
    if (this.state === "connect") return owed > 0 ? NEED_REPLY : this.ask({ type: "connect" });
    if (this.#unwanted !== undefined) return this.#skip(this.#unwanted);
    const reading = this.#reading();
    if (reading !== undefined) return this.#readData(reading);
    if (this.state === "data") return NEED_REPLY; // the message is there, and waits for its answer
    if (newest !== undefined && this.row(newest.type)!.commutes !== true) return NEED_REPLY; // what follows is not looked at: it may be no line
    return this.#readLine();
  }

  /** The message whose data comes now: of one in chunks, while there is one on its way. */
  #reading(): MailData | undefined {
    return this.#data?.chunked === true && this.#chunk === undefined ? undefined : this.#data;
  }

  #readLine(): Step | undefined {
    const { grammar, leniencies } = this.terms;
    const dry = this.conversation.owed > 0 ? NEED_REPLY : NEED_INPUT;
    const found = this.#input.findLine(grammar.longestLine, leniencies);
    if (found === "dry") return dry;

    const scan = new Scan(this.#input.line, this.#input.lineFrom, leniencies);
    if (!this.#input.lineEndsInCrlf) scan.lenient("bare-lf");
    const name = this.state === "auth" ? "response" : found === "line" ? verb(scan, grammar.words) : "";
    const row = this.row(name);
    if (!this.#mayFollow(row)) return NEED_REPLY; // the line stays where it is until its turn
    if (row === undefined && OTHER_PROTOCOLS.has(name)) return this.hangUp("4.7.0", "This is SMTP", "RFC 5321 §7.8", "closed");
    if (row?.privileged === true && !this.terms.permitted.has(name)) return this.hangUp("4.7.0", `You may not say ${name}`, `${name}_README`, "closed");
    if (this.#shutdown !== undefined && !inTransaction(this.state) && name !== "QUIT") return this.#sayShutdown();
    const problem = this.#problem(found, name, row);
    const parsed = name === "BDAT" || problem === undefined ? row!.parse!(scan, this.terms) : problem;
    if (isReply(parsed) && this.conversation.owed > 0) return NEED_REPLY; // our refusals do not overtake answers
    this.#input.dropLine();
    this.waiting = undefined;
    const read = isReply(parsed) || scan.used.length === 0 ? parsed : { ...parsed, leniencies: scan.used };
    if (name === "BDAT") return this.#beginChunk(read as Bdat | Reply, problem);
    if (name === "response") return this.#readResponse(read as ChallengeResponse | Reply);
    return isReply(read) ? this.refuseCommand(read, row) : this.ask(read as Command);
  }

  /** Whatever refuses the answer to a challenge ends the exchange (RFC 4954 §4). */
  #readResponse(parsed: ChallengeResponse | Reply): Step | undefined {
    const refusal = isReply(parsed) ? parsed : parsed.text === CANCEL ? REPLIES.cancelled : undefined;
    const response = this.ask(isReply(parsed) ? { type: "response", text: CANCEL } : parsed);
    return refusal === undefined ? response : this.countError(refusal) ? undefined : this.answer(response, refusal);
  }

  /** Its octets follow, whatever becomes of it (RFC 3030 §2); where it does not say how many, nobody knows what is a command. */
  #beginChunk(chunk: Bdat | Reply, problem: Reply | undefined): Step | undefined {
    if (isReply(chunk)) return this.hangUp("4.5.4", "It cannot be told where that chunk ends", "RFC 3030 §2", "closed");
    this.#chunk = chunk;
    if (problem !== undefined) return this.#refuseChunk(problem);
    const { leniencies } = chunk;
    if (this.#data === undefined) return this.ask({ type: "DATA", ...(leniencies && { leniencies }) }); // to the application it is a message like any other
    this.#data.expect(chunk);
    return undefined;
  }

  #refuseChunk(refusal: Reply): undefined {
    this.#unwanted = { octets: this.#chunk!.octets, refusal };
    this.#chunk = undefined;
  }

  #skip(unwanted: { octets: number; readonly refusal: Reply }): Step | undefined {
    unwanted.octets -= this.#input.skip(unwanted.octets);
    this.waiting = undefined;
    if (unwanted.octets > 0) return NEED_INPUT;
    this.#unwanted = undefined;
    return this.conversation.allows("BDAT") ? this.#answerChunk(unwanted.refusal) : this.refuseCommand(unwanted.refusal, this.row("BDAT"));
  }

  /** One that is not the last; the reply to that is the message's. */
  #answerChunk(given?: Reply): undefined {
    const asked = { type: "BDAT", octets: 0, last: false } as const;
    this.conversation.ask(asked);
    this.answer(asked, given ?? this.row("BDAT")!.ok(asked, this.terms));
  }

  /** What stands against a command before it is parsed: 500, 502, 503 (§4.2.4, §4.1.4). */
  #problem(found: Found, name: string, row: Row | undefined): Reply | undefined {
    const { grammar, limits } = this.terms;
    const octets = this.#input.lineTo - this.#input.lineFrom;
    const allowed = this.conversation.allows(name);
    if (this.state === "refused" && !allowed) return REPLIES.notInUse;
    const overlong = found === "overlong" || octets > (grammar.lineOctets.get(name) ?? limits.commandLineOctets);
    if (overlong) return name === "response" ? REPLIES.responseTooLong : REPLIES.lineTooLong;
    if (found === "bare") return REPLIES.bareInCommand;
    if (row === undefined) return REPLIES.commandUnknown;
    if (row.parse === undefined) return row.ok({ type: name }, this.terms);
    if (this.terms.requireTls && !this.secure && !IN_THE_CLEAR.has(name)) return REPLIES.needsTls;
    return allowed ? undefined : reply(503, "5.5.1", `Bad sequence of commands: ${EXPECTED[this.state]}`, "RFC 5321 §4.1.4");
  }

  /** One at a time, but commands that commute: of those as many as the window holds and there is room for. */
  #mayFollow(row: Row | undefined): boolean {
    const { owed, newest } = this.conversation;
    if (newest === undefined) return true;
    const { limits } = this.terms;
    const room = Math.min(limits.rcptWindow, limits.recipients - this.terms.transaction.recipients.length);
    return row?.commutes === true && row === this.row(newest.type) && owed < room;
  }

  #readData(data: MailData): Step | undefined {
    if (data.ended) return this.#endOfData(data);
    if (data.pauses) return this.#endOfChunk(data);
    if (this.#input.empty) return NEED_INPUT;
    const chunk = data.read(this.#input);
    this.waiting = undefined;
    this.#abortIfRefused(data);
    return chunk.length > 0 ? { type: "body", chunk } : undefined;
  }

  #abortIfRefused({ refusal }: MailData): void {
    if (refusal !== undefined) this.queueAbort(ABORTS.get(refusal) ?? "refused");
  }

  #endOfChunk({ refusal }: MailData): undefined {
    this.#chunk = undefined;
    if (refusal === undefined) return this.#answerChunk();
    this.#data = undefined;
    if (!this.countError(refusal)) this.#answerChunk(refusal);
  }

  #endOfData(data: MailData): Step | undefined {
    data.finish();
    this.#abortIfRefused(data);
    const message = data.message(this.terms);
    this.#data = this.#chunk = undefined;
    const others = this.terms.lmtp ? message.recipients.slice(0, -1) : []; // RFC 2033 §4.2
    for (const recipient of others) this.conversation.ask({ type: "delivery", recipient });
    this.ask(message);
    this.owesEnd &&= data.refusal !== undefined;
    if (data.refusal === undefined) return message;
    if (!this.countError(data.refusal)) this.reply(data.refusal);
    return undefined;
  }

  #sayShutdown(): undefined {
    return this.hangUp("4.3.2", "Service shutting down", "RFC 5321 §3.8", "shut down");
  }

  protected override keeps(asked: Owed, given: Reply): boolean {
    if (asked.type === "STARTTLS" && given.code < 300) {
      this.#handshake = { type: "handshake", dropped: this.#input.begun };
      this.#input.clear();
    }
    if (this.state === "connect") return true; // the greeting comes anew, and is the reply
    if (asked.type !== "DATA" || this.state === "closed") return false;
    const chunk = this.#chunk;
    if (given.code < 400) this.#data = new MailData(this.terms, this.terms.transaction.mail, chunk);
    else if (chunk !== undefined) this.#refuseChunk(given);
    return chunk !== undefined; // of a message in chunks, the first of them is answered at its end
  }

  protected override dropData(): void {
    this.#data = this.#chunk = undefined;
  }

  protected override dropInput(): void {
    this.#handshake = this.#unwanted = undefined;
    this.#input.release();
  }

  #newWait(): Wait {
    const { limits } = this.terms;
    if (this.state === "closed") return { for: "nothing", ms: Infinity };
    if (this.#handshake !== undefined) return { for: "handshake", ms: limits.handshakeMs };
    const asked = this.conversation.oldest;
    if (asked !== undefined) return { for: "answer", ms: limits[this.row(asked.type)!.within?.answer ?? "answerMs"] };
    if (this.#unwanted !== undefined) return { for: "data", ms: limits.dataBlockMs };
    const reading = this.#reading();
    if (reading !== undefined) return { for: "data", ms: limits.dataBlockMs, whole: reading.wait };
    return { for: "command", ms: this.#shutdown !== undefined && !inTransaction(this.state) ? limits.partingMs : limits.commandMs };
  }
}

/** What may be said before TLS where it is required (RFC 3207 §4). */
const IN_THE_CLEAR: ReadonlySet<string> = new Set(["EHLO", "HELO", "LHLO", "HELP", "NOOP", "RSET", "STARTTLS", "QUIT"]);

/** What the strategy is told when the engine refuses a message. */
const ABORTS: ReadonlyMap<Reply, AbortReason> = new Map([
  [REPLIES.messageTooBig, "too big"],
  [REPLIES.bareInData, "bare CR or LF"],
]);
