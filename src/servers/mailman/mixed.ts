// A message for lists, for people, or for both. To each list goes an LMTP transaction of its own, since Mailman answers some errors
// once for all recipients of one (against RFC 2033 §4.2); to all people goes one of upstream's. They are fed side by side. Up to
// upstream's end of data it is all or nothing; what the client hears in the end is the worst of all replies.

import { formatMailbox, isAscii, REPLIES, reply, sizeOffered, type Mail, type Path, type Rcpt, type Reply } from "../../protocol/index.js";
import { Stop, type Eventually, type Finals, type Passage, type Transaction, type Upstream } from "../../transport/index.js";
import { deliveryOf, unquoted, type Listed } from "./address.js";
import { Copy } from "./copy.js";

/** Sessions with Mailman for one message. */
const LISTS_A_MESSAGE = 20;
/** Behind the last recipient, for DATA: who asks for lists and sends nothing does not keep others from them. */
const ENVELOPE_MS = 60_000;

const OTHER_KIND = reply(452, "4.5.3", "Send lists and people in messages of their own", "RFC 5321 §4.5.3.1.10");
const TOO_MANY_LISTS = reply(452, "4.5.3", "Too many lists", "RFC 5321 §4.5.3.1.10");
const MAILMAN_FAILS = reply(451, "4.3.0", "Mailman: an error of its own", "RFC 5321 §4.2.2");
const NON_ASCII = reply(550, "5.6.7", "A list takes no non-ASCII address, as its recipient or from its sender", "RFC 6531 §3.5");
const NO_LONGER = reply(451, "4.3.2", "The transaction is over", "RFC 5321 §4.2.2");
const TOO_LATE = reply(451, "4.4.2", "The message did not come in time", "RFC 5321 §4.2.2");

/** All that lists have in common; one for a server. */
export interface Post {
  readonly mailman: Upstream;
  /** The name that a Message-ID of ours has in it. */
  readonly hostname: string;
  /** A message is for lists or for people: recipients of the other kind are deferred. */
  readonly separate: boolean;
  /** In the place of ENVELOPE_MS. */
  readonly envelopeMs?: number | undefined;
}

/** What one client's mail is to be asked about. */
export interface Ways {
  /** Whose list it is; undefined for none; a refusal where that cannot be told. */
  find(path: Path): Promise<Listed | null | undefined | Reply>;
  /** Whether the client may send there through us. */
  admits(path: Path): Reply | undefined;
  /** Opens upstream's transaction. */
  relay(gone: Stop): Promise<Passage>;
}

interface ListDelivery {
  readonly recipient: Path;
  readonly bounces: boolean;
  /** The answer to its RCPT. */
  answer: Promise<Reply>;
  /** Once it is open. */
  transaction?: Transaction;
}

export class Mixed implements Passage {
  /** MAIL is accepted: what each next hop thinks of it is told at RCPT. */
  readonly reply = REPLIES.senderOk;
  readonly #mail: Mail;
  readonly #post: Post;
  readonly #ways: Ways;
  /** Upstream's transaction, from the first recipient on that is no list. */
  #relayed: Promise<Passage> | undefined;
  /** The same, once a recipient was accepted there. */
  #people: Passage | undefined;
  /** Asked for, or accepted. */
  readonly #lists = new Map<string, ListDelivery>();
  #copy: Copy | undefined;
  readonly #gone = new Stop();
  /** Why nothing goes on in this transaction. */
  #lost: Reply | undefined;
  /** The message is whole: nobody can take it back. */
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  /** The last look-up, and all before it. */
  #found: Promise<unknown> = Promise.resolve();
  /** With `separate`, recipients are judged one after the other: the first that is accepted decides. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(mail: Mail, post: Post, ways: Ways) {
    this.#mail = mail;
    this.#post = post;
    this.#ways = ways;
  }

  rcpt(command: Rcpt): Promise<Reply> {
    const looked = this.#ways.find(command.forwardPath);
    const found = this.#found.then(() => looked); // side by side, but asked for in their order
    this.#found = found.catch(() => {});
    if (!this.#post.separate) return this.#rcpt(command, found);
    const answer = this.#turn.then(() => this.#rcpt(command, found));
    this.#turn = answer.catch(() => {}); // whoever was asked tells that one, and no other
    return answer;
  }

  async data(): Promise<Reply> {
    clearTimeout(this.#timer);
    if (this.#lost !== undefined) return this.#lost;
    if (this.#people === undefined) this.#abortRelayed();
    const lists = [...this.#lists.values()];
    const smallest = Math.min(...lists.map(({ transaction }) => sizeOffered(transaction!.offers ?? new Map()) || Infinity));
    this.#copy = lists.length > 0 ? new Copy(this.#mail, this.#post.hostname, smallest) : undefined;
    const people = this.#people === undefined ? [] : [this.#people.data()];
    const replies = await Promise.all([...people, ...lists.map((list) => named(list, list.transaction!.data()))]);
    const given = worst(replies as [Reply, ...Reply[]]);
    if (given.code >= 400) return this.#lose(given);
    for (const list of lists) if (list.bounces) void list.transaction!.body(deliveredTo(list));
    return given;
  }

  /** The slowest holds back the client; the first that fails ends it for all. */
  body(chunk: Uint8Array): Eventually<Reply | undefined> {
    const people = this.#people?.body(chunk);
    if (this.#copy === undefined) return people;
    const copy = this.#copy.pass(chunk);
    return this.#copy.refusal ?? firstRefusal([people, ...this.#fed(copy)]);
  }

  /** Upstream first: it refuses for what a message holds more often than Mailman does, and then nothing has been delivered yet. */
  async end(): Promise<Finals> {
    this.#ended = true;
    const lost = this.#copy && (await firstRefusal(this.#fed(this.#copy.rest()))); // all of it has left, and all are alive
    if (lost !== undefined) return [this.#lose(lost)];
    const [people] = (await this.#people?.end()) ?? [];
    if (people !== undefined && people.code >= 300) return [this.#lose(people)];
    const lists = [...this.#lists.values()];
    const replies = await Promise.all(lists.map((list) => named(list, list.transaction!.end().then(([final]) => final))));
    return [worst([...(people === undefined ? [] : [people]), ...replies] as [Reply, ...Reply[]])];
  }

  /** Of no effect behind end(). */
  abort(): void {
    if (!this.#ended) this.#drop();
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#gone.abort();
    this.#abortRelayed();
    for (const { transaction } of this.#lists.values()) transaction?.abort();
    this.#lists.clear();
  }

  async #rcpt(command: Rcpt, found: ReturnType<Ways["find"]>): Promise<Reply> {
    const list = await found;
    if (this.#lost !== undefined || this.#gone.aborted) return this.#lost ?? NO_LONGER;
    if (list === undefined || list === null) return this.#relay(command);
    return "code" in list ? list : this.#deliver(command, list);
  }

  async #relay(command: Rcpt): Promise<Reply> {
    const refusal = this.#ways.admits(command.forwardPath);
    if (refusal !== undefined) return refusal;
    if (this.#post.separate && this.#lists.size > 0) return OTHER_KIND;
    const passage = await (this.#relayed ??= this.#open());
    const given = passage.reply.code < 300 ? await passage.rcpt(command) : ofRcpt(passage.reply);
    if (given.code >= 300) return given;
    this.#people = passage;
    return this.#awaitData(given);
  }

  async #open(): Promise<Passage> {
    const passage = await this.#ways.relay(this.#gone);
    if (this.#gone.aborted) passage.abort(); // in the same turn in which it was opened
    return passage;
  }

  /** Until the list has its place, nothing is waited for here: no other recipient can take it meanwhile. */
  #deliver({ forwardPath }: Rcpt, listed: Listed): Promise<Reply> | Reply {
    const recipient = listed.recipient ?? forwardPath;
    const key = deliveryOf(listed, recipient);
    const same = this.#lists.get(key);
    if (same !== undefined) return same.answer; // one delivery, however often and under which name it is asked for
    if (![recipient, this.#mail.reversePath].every((path) => path === null || isAscii(formatMailbox(path)))) return NON_ASCII;
    if (this.#post.separate && this.#people !== undefined) return OTHER_KIND;
    if (this.#lists.size >= LISTS_A_MESSAGE) return TOO_MANY_LISTS;
    const list: ListDelivery = { recipient, bounces: listed.subAddress === "bounces", answer: Promise.resolve(NO_LONGER) };
    this.#lists.set(key, list);
    list.answer = this.#introduce(key, list);
    return list.answer;
  }

  /** MAIL and RCPT, with no parameter that Mailman refuses. */
  async #introduce(key: string, list: ListDelivery): Promise<Reply> {
    const { SIZE, BODY } = this.#mail.parameters;
    const parameters = { ...(SIZE !== undefined && { SIZE }), ...(BODY !== undefined && { BODY }) };
    const transaction = await this.#post.mailman.begin({ ...this.#mail, parameters }, this.#gone);
    if (this.#gone.aborted) transaction.abort(); // in the same turn in which it was opened
    list.transaction = transaction;
    const rcpt: Rcpt = { type: "RCPT", forwardPath: list.recipient, parameters: {} };
    const given = transaction.reply.code < 300 ? await transaction.rcpt(rcpt) : ofRcpt(transaction.reply);
    if (given.code < 300) return this.#awaitData(given);
    transaction.abort();
    this.#lists.delete(key);
    return isFault(given) ? MAILMAN_FAILS : ofMailman(given);
  }

  /** Lists that are held do not wait for ever for a message. */
  #awaitData(given: Reply): Reply {
    clearTimeout(this.#timer);
    if (this.#lists.size > 0) this.#timer = setTimeout(() => this.#lose(TOO_LATE), this.#post.envelopeMs ?? ENVELOPE_MS).unref();
    return given;
  }

  /** Feeds the lists; what has become of each. */
  #fed(octets: Uint8Array): Eventually<Reply | undefined>[] {
    return [...this.#lists.values()].map((list) => {
      const taken = list.transaction!.body(octets);
      const told = (refusal: Reply | undefined | void): Reply | undefined => (refusal ? naming(list, refusal) : undefined);
      return taken instanceof Promise ? taken.then(told) : told(taken as Reply | undefined);
    });
  }

  #lose(why: Reply): Reply {
    this.#lost = why;
    this.#drop();
    return why;
  }

  #abortRelayed(): void {
    void this.#relayed?.then((passage) => passage.abort(), () => {}); // whoever waits for it is told
  }
}

/** Of Mailman's own replies, and of the troubles on the way to it, whom they are about. */
function naming({ recipient }: ListDelivery, given: Reply): Reply {
  if (given.code < 400) return given;
  const { lines, ...rest } = ofMailman(given);
  return { ...rest, lines: lines.map((line) => `${formatMailbox(recipient)}: ${line}`) };
}

async function named(list: ListDelivery, given: Promise<Reply>): Promise<Reply> {
  return naming(list, await given);
}

/** The way to Mailman is one to a next hop like any other, but for its name. */
function ofMailman(given: Reply): Reply {
  return { ...given, lines: given.lines.map((line) => line.replace(/^Upstream: /, "Mailman: ")) };
}

/** A refusal of MAIL, told at RCPT: there, 552 would mean "too many recipients" (§4.5.3.1.10). */
function ofRcpt(given: Reply): Reply {
  return given.code === 552 ? { ...given, code: 554 } : given;
}

/** What Mailman answers to an exception of its own, as when its database is busy: it says nothing of the recipient. */
function isFault({ code, lines }: Reply): boolean {
  return code === 500 && lines[0]!.startsWith("Error: (");
}

/** The reply that counts: 5yz above 4yz above all others. Of several of the kind all texts are told. */
function worst(replies: readonly [Reply, ...Reply[]]): Reply {
  const severity = Math.max(...replies.map(({ code }) => Math.trunc(code / 100)));
  const [first = replies[0]] = replies.filter(({ code }) => Math.trunc(code / 100) === severity);
  if (severity < 4) return replies[0];
  return { ...first, lines: replies.filter(({ code }) => code >= 400).flatMap(({ lines }) => lines) };
}

/** The first refusal, as soon as there is one; undefined once all have taken what they were given. */
function firstRefusal(taken: readonly Eventually<Reply | undefined>[]): Eventually<Reply | undefined> {
  const refusal = taken.find((each) => each !== undefined && !(each instanceof Promise));
  const waits = taken.filter((each) => each instanceof Promise);
  if (refusal !== undefined || waits.length === 0) return refusal as Reply | undefined;
  return new Promise((resolve) => {
    for (const wait of waits) void wait.then((refused) => refused && resolve(refused));
    void Promise.all(waits).then(() => resolve(undefined));
  });
}

/** By this Mailman learns whose mail came back: it reads the header, not the envelope, and wants the list's name in lower case. */
function deliveredTo({ recipient: { localPart, domain } }: ListDelivery): Uint8Array {
  const mailbox = unquoted(localPart);
  const plus = mailbox.search(/\+|$/);
  return Buffer.from(`Delivered-To: ${mailbox.slice(0, plus).toLowerCase()}${mailbox.slice(plus)}@${domain}\r\n`);
}
