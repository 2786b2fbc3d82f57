// The answering half of the receiving end: what is owed a reply, what a reply changes, and how replies leave (RFC 5321 §4.2). What is
// read, and when, is the other half (server.ts).

import { announcesUtf8, type Bdat, type Hello } from "./command.js";
import type { PeerTerms, Row, Settings, Terms } from "./extension.js";
import { Outgoing } from "./outgoing.js";
import { formatted, reply, severityOf, type Reply } from "./reply.js";
import { Conversation, inTransaction, type State } from "./state.js";
import type { Abort, AbortReason, EndOfData, Question, Step, Wait } from "./step.js";
import { newTerms, NO_TRANSACTION } from "./verbs.js";

/** What is owed a reply on the wire: what the application is asked, and what the engine answers of its own accord. */
export type Owed = Question | EndOfData | Bdat;

export abstract class Answering {
  /** Those of the server; `terms` may have others, for this session. */
  private readonly settings: Settings;
  protected readonly terms: Terms;
  protected readonly conversation: Conversation<Owed>;
  protected readonly outgoing = new Outgoing();
  /** Made when it is asked for; forgotten when there is progress. */
  protected waiting: Wait | undefined;
  /** MAIL was accepted, and neither `message` nor `abort` was given for it. */
  protected owesEnd = false;
  protected aborted: Abort | undefined;
  private errors = 0;

  constructor(settings: Settings, peer: PeerTerms) {
    this.settings = settings;
    this.terms = newTerms(settings, peer);
    this.conversation = new Conversation(settings.grammar.transitions);
  }

  get state(): State {
    return this.conversation.state;
  }

  /** How the client introduced itself; undefined before EHLO and HELO. */
  get hello(): Hello | undefined {
    return this.terms.hello;
  }

  /** The session is under TLS; AUTH has succeeded in it. */
  get secure(): boolean {
    return this.terms.secure;
  }

  get authenticated(): boolean {
    return this.terms.authenticated;
  }

  /**
   * Answers the oldest question; without a reply, with what its row says. With LMTP a message has an answer for each recipient: a
   * list of them, of which the last counts for all further ones. Throws, before anything changes, where none is owed, a reply makes
   * no sense there (354 to MAIL), or there are more than are owed. After the session's end it does nothing.
   */
  reply(given?: Reply | readonly Reply[]): void {
    if (this.state === "closed") return;
    const { oldest, owed } = this.conversation;
    if (oldest === undefined) throw new Error("no reply is owed");
    if (oldest.type === "delivery") return this.answerEach(oldest, owed, isList(given) ? given : [given]);
    if (isList(given) && given.length > 1) throw new RangeError(`${given.length} replies, where 1 can be given`);
    const one = isList(given) ? given[0] : given;
    this.check(oldest, one);
    this.answer(oldest, this.completed(oldest, one));
  }

  /** LMTP: `owed` recipients, "message" the last; nothing is asked behind it. */
  private answerEach(first: Owed, owed: number, replies: readonly (Reply | undefined)[]): void {
    if (replies.length > owed) throw new RangeError(`${replies.length} replies, where ${owed} can be given`);
    for (const given of replies) this.check(first, given);
    for (let nth = 0; this.conversation.oldest !== undefined; nth++) {
      const asked = this.conversation.oldest;
      this.answer(asked, this.completed(asked, replies[nth] ?? replies.at(-1)));
    }
  }

  private check(asked: Owed, given: Reply | undefined): void {
    if (given !== undefined && !this.conversation.fits(given.code)) throw new RangeError(`${given.code} does not answer ${asked.type}`);
  }

  private completed(asked: Owed, given: Reply | undefined): Reply {
    const row = this.row(asked.type)!;
    if (given === undefined) return row.ok(asked, this.terms);
    return severityOf(given.code) === 2 ? row.complete?.(given, this.terms) ?? given : given;
  }

  protected ask<Q extends Question>(question: Q): Q {
    this.conversation.ask(question);
    this.waiting = undefined;
    return question;
  }

  protected answer(asked: Owed, given: Reply): undefined {
    const row = this.row(asked.type)!;
    this.conversation.answer(given.code);
    this.waiting = undefined;
    if (severityOf(given.code) === 2) this.agreed(asked, row);
    if (this.keeps(asked, given)) return;
    this.put(given, row, asked);
    if (this.state === "closed") this.close("closed");
    else if (!inTransaction(this.state)) this.endTransaction("reset");
  }

  /** What a positive reply makes true. */
  private agreed(asked: Owed, row: Row): void {
    row.agree?.(this.terms, asked);
    if (asked.type === "MAIL") this.owesEnd = true;
    if (asked.type === "message") this.errors = 0;
    if (this.state === "connect") this.startOver();
  }

  /** Nothing of before counts (RFC 3207 §4.2, XCLIENT_README): nor what was offered to this client alone, nor its mistakes. */
  protected startOver(): void {
    this.offer(this.settings);
    Object.assign(this.terms, { hello: undefined, authenticated: false, forwarded: undefined });
    this.errors = 0;
  }

  /** What is offered from the next answer to EHLO or HELO on, in this session alone. */
  offer(settings: Settings): void {
    Object.assign(this.terms, settings);
    this.conversation.transitions = settings.grammar.transitions;
  }

  protected refuseCommand(why: Reply, row: Row | undefined): undefined {
    if (!this.countError(why)) this.put(why, row);
  }

  protected countError(why: Reply): boolean {
    if (severityOf(why.code) === 5) this.errors += 1;
    if (this.errors < this.terms.limits.errors) return false;
    this.hangUp("4.7.0", "Too many errors", "RFC 5321 §7.8", "too many errors");
    return true;
  }

  protected hangUp(enhanced: string, text: string, clause: string, reason: AbortReason): undefined {
    this.put(reply(421, enhanced, `${this.terms.hostname} ${text}`, clause), undefined);
    this.close(reason);
  }

  protected close(reason: AbortReason): void {
    this.conversation.close();
    this.dropInput();
    this.outgoing.flush();
    this.endTransaction(reason);
  }

  /** There is no transaction any more. */
  private endTransaction(reason: AbortReason): void {
    this.dropData();
    this.terms.transaction = NO_TRANSACTION;
    this.queueAbort(reason);
  }

  protected queueAbort(reason: AbortReason): void {
    if (this.owesEnd) this.aborted = { type: "abort", reason };
    this.owesEnd = false;
  }

  protected put(given: Reply, row: Row | undefined, asked?: Owed): void {
    const { grammar, limits } = this.terms;
    const text = formatted(given, {
      enhanced: row?.noEnhancedCode !== true && grammar.extensions.has("ENHANCEDSTATUSCODES"),
      utf8: announcesUtf8(asked) || announcesUtf8(this.terms.transaction.mail),
      lineOctets: limits.replyLineOctets,
    });
    this.outgoing.put(text, row === undefined || row.endsGroup === true); // RFC 2920 §3.2: nor are answers to unknown commands held back
  }

  protected takeAbort(step: Abort): Step {
    this.aborted = undefined;
    return step;
  }

  protected row(type: string): Row | undefined {
    return this.terms.grammar.rows.get(type);
  }

  /** The answer has its effect on what is read next. True: it is not for the wire. */
  protected abstract keeps(asked: Owed, given: Reply): boolean;
  /** There is no message any more; no session any more. */
  protected abstract dropData(): void;
  protected abstract dropInput(): void;
}

function isList(given: Reply | readonly Reply[] | undefined): given is readonly Reply[] {
  return Array.isArray(given);
}
