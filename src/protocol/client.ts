// The sending end of a conversation (RFC 5321 §3, §4.1.1), and of LMTP (RFC 2033): the same table, rows and values as the
// receiving end. send(), body() and endBody() say what is to be said, receive() takes octets, steps come out of next().

import type { Bdat, Rcpt, Request } from "./command.js";
import { encoder, endOfData, stuff, type Encoder } from "./data.js";
import type { ClientOptions, Row, Settings, Terms } from "./extension.js";
import { agreed, CLIENT_EXTENSIONS, NO_OFFERS, offersOf, settings, type Offers } from "./grammar.js";
import { Input } from "./input.js";
import { Turns } from "./outgoing.js";
import { ReplyReader, severityOf, type Reply } from "./reply.js";
import { Conversation, inTransaction, type State } from "./state.js";
import type { ClientQuestion, ClientStep, EndOfData, Loss, Output, Wait } from "./step.js";
import { newTerms, newTransaction } from "./verbs.js";
import { writeCommand } from "./write.js";

const NEED_INPUT = { type: "need-input" } as const;
const HANDSHAKE = { type: "handshake" } as const;
const NOTHING: Wait = { for: "nothing", ms: Infinity };

export class Client {
  readonly #settings: Settings;
  readonly #terms: Terms;
  readonly #conversation: Conversation<ClientQuestion>;
  readonly #input = new Input();
  readonly #reader = new ReplyReader();
  /** Commands that wait for their turn: behind those sent, or, without PIPELINING, behind one. */
  readonly #unsent = new Turns();
  /** Of the mail data, or of a chunk, what is to be sent next. */
  #block: Uint8Array | undefined;
  #encoder: Encoder | undefined;
  #offers: Offers | undefined;
  #recipients: Rcpt[] = [];
  #handshake = false;
  /** LMTP: some of the replies to a message have come, and some not yet. */
  #deliveryBegun = false;
  #loss: Loss | undefined;
  #wait: Wait | undefined;

  /** `secure`: under TLS from the first octet on (RFC 8314). */
  constructor({ extensions = CLIENT_EXTENSIONS, limits = {}, lmtp = false, leniencies = [] }: ClientOptions = {}, { secure = false } = {}) {
    this.#settings = settings({ extensions, limits, lmtp, leniencies });
    this.#terms = newTerms(agreed(this.#settings, NO_OFFERS), { secure });
    this.#conversation = new Conversation(this.#terms.grammar.transitions);
    this.#conversation.ask({ type: "connect" });
  }

  get state(): State {
    return this.#conversation.state;
  }

  /** The session is under TLS. */
  get secure(): boolean {
    return this.#terms.secure;
  }

  /** How many replies are owed by the peer. */
  get owed(): number {
    return this.#conversation.owed;
  }

  /** What the peer offered in its answer to EHLO: keywords in upper case and their arguments. Undefined before, and behind HELO. */
  get offers(): Offers | undefined {
    return this.#offers;
  }

  /** The recipients of the open transaction that the peer has accepted. */
  get recipients(): readonly Rcpt[] {
    return this.#recipients;
  }

  /** Whether another command may be said now: none may behind one whose reply decides how to go on (RFC 2920 §3.1). */
  get mayFollow(): boolean {
    const newest = this.#conversation.newest;
    return !this.#handshake && (newest === undefined || this.#row(newest).endsGroup !== true);
  }

  /** What is waited for now. Another value each time that a wait begins. */
  get wait(): Wait {
    return (this.#wait ??= this.#newWait());
  }

  /**
   * Says a command: at once, or when its turn comes. Throws, and says nothing, where the state or the peer's offers do not allow
   * it (RangeError for the offers), where it does not read back as what was given, and behind a command whose reply has to come
   * first (RFC 2920 §3.1). After the session's end it does nothing.
   */
  send(command: Request): void {
    this.#loseIfUnasked();
    if (this.state === "closed") return;
    if (!this.mayFollow) throw new Error(`${this.#handshake ? "the handshake" : `the reply to ${this.#conversation.newest!.type}`} has to come first`);
    const text = writeCommand(command, this.#terms);
    this.#say([command], text, undefined, command.type === "AUTH" || command.type === "response");
    if (command.type === "MAIL") this.#terms.transaction = newTransaction(command);
  }

  /**
   * A piece of the message, once DATA was answered with 354 and a recipient accepted; then next(), to have it sent. Dots are
   * doubled, and a bare CR or LF is made CRLF. The octets are lent until they are sent.
   */
  body(chunk: Uint8Array): void {
    if (this.state === "closed") return;
    const encoding = this.#open();
    if (this.#recipients.length === 0) throw new Error("no recipient was accepted");
    this.#send(stuff(encoding, chunk));
  }

  /**
   * The message is whole. Call it also when 354 came though all recipients were refused (RFC 2920 §3.1): nothing was sent then,
   * and nothing is delivered.
   */
  endBody(): void {
    this.#loseIfUnasked();
    if (this.state === "closed") return;
    this.#send(endOfData(this.#open()));
    this.#encoder = undefined;
    for (const question of this.#endOfData()) this.#conversation.ask(question);
  }

  /**
   * A chunk of the message, with BDAT, as it is: it may be any octets, and dots are not doubled (RFC 3030 §2). Throws what send()
   * throws. The octets are lent until they are sent.
   */
  chunk(octets: Uint8Array, last: boolean): void {
    if (this.state === "closed") return;
    const bdat: Bdat = { type: "BDAT", octets: octets.length, last };
    this.#say(last ? this.#endOfData() : [bdat], writeCommand(bdat, this.#terms), octets);
  }

  #say(questions: readonly ClientQuestion[], text: string, octets?: Uint8Array, secret = false): void {
    for (const question of questions) this.#conversation.ask(question);
    this.#unsent.push({ text, octets, questions: questions.length, secret });
    if (this.owed === questions.length) this.#wait = undefined;
  }

  /** Lends octets from the peer, until next() asks for more. Throws where they were not asked for. */
  receive(octets: Uint8Array): void {
    if (this.state !== "closed") this.#input.receive(octets);
  }

  /** The next step. Never throws, whatever the peer sends. */
  next(): ClientStep {
    for (;;) {
      if (this.#handshake && this.#input.begun > 0) this.#lose({ why: "octets behind STARTTLS" }); // RFC 3207 §6: nobody vouches for them
      if (this.state === "closed") return this.#loss === undefined ? { type: "close" } : { type: "close", loss: this.#loss };
      const step = this.#handshake ? HANDSHAKE : this.#read(); // what came is judged by what was asked by then
      if (step === NEED_INPUT) return this.#takeOutput() ?? NEED_INPUT;
      if (step !== undefined) return step;
    }
  }

  /** The handshake is done: all that was known of the peer is forgotten (RFC 3207 §4.2). Throws where there was none to do. */
  secured(): void {
    if (this.state === "closed") return;
    if (!this.#handshake) throw new Error("there was no handshake to do");
    this.#handshake = false;
    this.#wait = undefined;
    Object.assign(this.#terms, { secure: true, authenticated: false, hello: undefined });
    this.#apply(undefined);
  }

  /** The peer is gone, or sends no more. */
  ended(): void {
    this.#lose({ why: "closed" });
  }

  /** The time of `wait` is over. */
  timedOut(): void {
    this.#lose({ why: "timed out" });
  }

  /** Octets that came while nothing was asked are no answer to what is said now: half a reply there ends the session. */
  #loseIfUnasked(): void {
    if (this.owed === 0 && (this.#reader.begun || this.#input.begun > 0)) this.#lose({ why: "unasked reply" });
  }

  #open(): Encoder {
    if (this.#encoder === undefined) throw new Error("no mail data has been asked for");
    if (this.#block !== undefined) throw new Error("next() has to send the last piece first");
    return this.#encoder;
  }

  #send(octets: Uint8Array): void {
    this.#block = octets;
    this.#wait = undefined;
  }

  #endOfData(): EndOfData[] {
    if (!this.#settings.lmtp) return [{ type: "message" }];
    const last = this.#recipients.length - 1;
    return this.#recipients.map((recipient, index) => ({ type: index < last ? "delivery" : "message", recipient }));
  }

  #takeOutput(): Output | undefined {
    const octets = this.#block;
    this.#block = undefined;
    if (octets !== undefined && octets.length > 0) return { type: "output", octets };
    if (this.#unsent.empty) return undefined;
    const most = this.#terms.grammar.extensions.has("PIPELINING") ? this.#settings.limits.pipelined : 1; // RFC 2920 §3.1
    const output = this.#unsent.take(most - this.#sent());
    this.#block = this.#unsent.takeChunk(); // goes out next
    return output;
  }

  /** How many questions have left, and wait for their reply. */
  #sent(): number {
    return this.#conversation.owed - this.#unsent.questions;
  }

  #read(): ClientStep | undefined {
    const most = this.#settings.limits.replyOctets - this.#reader.octets;
    const found = this.#input.findLine(most);
    if (found === "dry" && this.#input.begun > most) return this.#lose({ why: "reply too long" });
    if (found === "dry") return this.#input.release(), NEED_INPUT;
    if (found !== "line") return this.#lose({ why: found === "bare" ? "malformed reply" : "reply too long" });
    const { line, lineFrom, lineTo } = this.#input;
    const taken = this.#reader.take(line, lineFrom, lineTo, this.#showsEnhanced());
    this.#input.dropLine();
    if (taken === "more") return undefined;
    return taken === "malformed" ? this.#lose({ why: "malformed reply" }) : this.#answered(taken);
  }

  /** RFC 2034 §3: in every reply, but to the greeting and the hello. */
  #showsEnhanced(): boolean {
    const asked = this.#conversation.oldest;
    return this.#terms.grammar.extensions.has("ENHANCEDSTATUSCODES") && (asked === undefined || this.#row(asked).noEnhancedCode !== true);
  }

  #answered(reply: Reply): ClientStep | undefined {
    const unasked = this.#sent() === 0;
    if (reply.code === 421 || (unasked && this.state === "data" && reply.code >= 400)) return this.#lose({ why: "refused", reply }); // §3.8; there it means the message
    if (unasked) return this.#lose({ why: "unasked reply" });
    const to = this.#conversation.oldest!;
    const opens = to.type === "DATA" && reply.code < 400;
    const mayOpen = reply.code === 354 && (!this.#settings.lmtp || this.#recipients.length > 0); // §3.3; RFC 2033 §4.2: else no reply would follow
    if ((opens && !mayOpen) || !this.#conversation.fits(reply.code)) return this.#lose({ why: "unexpected reply" });
    this.#conversation.answer(reply.code);
    this.#wait = undefined;
    if (severityOf(reply.code) < 4) this.#agreed(to, reply);
    if (!inTransaction(this.state)) this.#recipients = [];
    this.#deliveryBegun = to.type === "delivery";
    return { type: "reply", to, reply };
  }

  /** What a positive reply makes true. */
  #agreed(to: ClientQuestion, reply: Reply): void {
    switch (to.type) {
      case "EHLO":
      case "HELO":
      case "LHLO":
        this.#terms.hello = to;
        return this.#apply(to.type === "HELO" ? undefined : offersOf(reply));
      case "STARTTLS":
        this.#handshake = true;
        return;
      case "AUTH":
      case "response":
        this.#terms.authenticated = this.state === "ready"; // and not with a challenge
        return;
      case "RCPT":
        return void this.#recipients.push(to);
      case "XCLIENT": // its reply was the greeting as well: nothing of before counts, but for TLS
        this.#conversation.ask({ type: "connect" });
        this.#conversation.answer(reply.code);
        this.#terms.authenticated = false;
        return this.#apply(undefined);
      case "DATA":
        this.#encoder = encoder();
    }
  }

  /** From here on the conversation has the grammar of what both ends can do. */
  #apply(offers: Offers | undefined): void {
    this.#offers = offers;
    Object.assign(this.#terms, agreed(this.#settings, this.#offers ?? NO_OFFERS));
    this.#conversation.transitions = this.#terms.grammar.transitions;
  }

  #lose(loss: Loss): undefined {
    if (this.state !== "closed") this.#loss = loss;
    this.#conversation.close();
    this.#input.release();
    this.#unsent.drop();
    this.#block = undefined; // of a message that has not ended, nothing more is sent: least of all its end
    this.#encoder = undefined;
    this.#wait = NOTHING;
  }

  #newWait(): Wait {
    const { limits } = this.#settings;
    const asked = this.#conversation.oldest;
    if (this.#deliveryBegun && asked !== undefined) return { for: "reply", ms: limits.deliveryReplyMs };
    if (asked !== undefined) return { for: "reply", ms: limits[this.#row(asked).within?.reply ?? "replyMs"] };
    return this.#encoder === undefined ? NOTHING : { for: "data", ms: limits.dataBlockMs };
  }

  #row({ type }: ClientQuestion): Row {
    return this.#terms.grammar.rows.get(type)!;
  }
}
