// What may be said when, for both ends of a conversation (RFC 5321 §4.1.4, §4.3.2). The only place that assigns a state.

import { severityOf, type Severity } from "./reply.js";

export type State = "connect" | "refused" | "hello" | "ready" | "auth" | "mail" | "rcpt" | "data" | "chunks" | "failed" | "closed";

/** Severity of the reply -> the state that follows. A negative one without an entry changes nothing; a positive one is out of place. */
export type Moves = { readonly [severity in Severity]?: State | "same" };
export type Transitions = { readonly [S in State]: { readonly [type: string]: Moves } };

const SAME: Moves = { 2: "same" };
const READY: Moves = { 2: "ready" };
/** The reply after the mail data ends the transaction, good or bad (§4.1.1.4). */
const DONE: Moves = { 2: "ready", 4: "ready", 5: "ready" };
/** RFC 2033 §4.2: with LMTP a reply for each recipient, "message" the last. */
const ENDS = { message: DONE, delivery: { 2: "same", 4: "same", 5: "same" } } as const;
/** §4.1.4: at any time in the session, and EHLO starts over. */
const ANY_TIME = { EHLO: READY, HELO: READY, LHLO: READY, NOOP: SAME, VRFY: SAME, EXPN: SAME, QUIT: { 2: "closed" } } as const;

/** Upper case: a verb on the wire. Lower case: the engine's own question ("may it connect?", "is the message taken?"). */
export const TRANSITIONS: Transitions = {
  connect: { connect: { 2: "hello", 4: "refused", 5: "refused" } },
  refused: { QUIT: { 2: "closed" } }, // §3.1: after a greeting that is a refusal we wait for QUIT
  hello: { ...ANY_TIME, RSET: SAME },
  ready: { ...ANY_TIME, RSET: SAME, MAIL: { 2: "mail" } },
  auth: { response: { 2: "ready", 3: "same", 4: "ready", 5: "ready" } }, // RFC 4954 §4: challenges, until the outcome
  mail: { ...ANY_TIME, RSET: READY, RCPT: { 2: "rcpt" } },
  rcpt: { ...ANY_TIME, RSET: READY, RCPT: { 2: "rcpt" }, DATA: { 3: "data" }, ...ENDS }, // a message may be one chunk (RFC 3030 §2)
  data: ENDS,
  chunks: { ...ANY_TIME, RSET: READY, ...ENDS }, // between two chunks of a message (RFC 3030 §2)
  failed: { ...ANY_TIME, RSET: READY }, // of its chunks one was refused: no more of them
  closed: {},
};

/** The states a command may be given in, with the session alive: where an extension's verb is allowed unless it says otherwise. */
export const COMMAND_STATES = ["hello", "ready", "mail", "rcpt"] as const satisfies readonly State[];

/** What to say to a command that is out of order (503). */
export const EXPECTED: Record<State, string> = {
  connect: "wait for the greeting",
  refused: "send QUIT",
  hello: "send EHLO or HELO first",
  ready: "send MAIL first",
  auth: "answer the challenge",
  mail: "a transaction is open; send RCPT, or RSET to leave it",
  rcpt: "a transaction is open; send RCPT or DATA, or RSET to leave it",
  data: "send the mail data",
  chunks: "send the rest of the message with BDAT, or RSET to leave it",
  failed: "the message was refused; send RSET",
  closed: "the session is over",
};

/** Between the answer to MAIL and the one to the message. */
export function inTransaction(state: State): boolean {
  return state === "mail" || state === "rcpt" || state === "data" || state === "chunks" || state === "failed";
}

/**
 * One conversation, seen from either end: what was asked and not answered yet, and the state.
 * Questions are asked against the state that follows if all that is owed goes well: that is all pipelining needs.
 */
export class Conversation<Asked extends { readonly type: string }> {
  /** Another table may take its place while nothing is owed: what is offered has changed. */
  transitions: Transitions;
  readonly #owed: { readonly asked: Asked; readonly moves: Moves }[] = [];
  #state: State = "connect";
  #ahead: State = "connect";

  constructor(transitions: Transitions) {
    this.transitions = transitions;
  }

  get state(): State {
    return this.#state;
  }

  /** How many questions wait for their reply. */
  get owed(): number {
    return this.#owed.length;
  }

  /** The question that the next reply answers. */
  get oldest(): Asked | undefined {
    return this.#owed[0]?.asked;
  }

  get newest(): Asked | undefined {
    return this.#owed.at(-1)?.asked;
  }

  allows(type: string): boolean {
    return this.#moves(type) !== undefined;
  }

  #moves(type: string): Moves | undefined {
    const table = this.transitions[this.#ahead];
    return Object.hasOwn(table, type) ? table[type] : undefined;
  }

  /** A question is on its way. What its reply will do is settled now. Throws where the table does not allow it. */
  ask(asked: Asked): void {
    const moves = this.#moves(asked.type);
    if (moves === undefined) throw new Error(`${asked.type} is out of place in the state "${this.#ahead}"`);
    this.#owed.push({ asked, moves });
    const hoped = moves[2] ?? moves[3] ?? "same";
    if (hoped !== "same") this.#ahead = hoped;
  }

  /** Whether a reply with this code makes sense to the oldest. */
  fits(code: number): boolean {
    return this.#owed[0] !== undefined && (code >= 400 || this.#owed[0].moves[severityOf(code)] !== undefined);
  }

  /** The reply to the oldest question. Throws, before anything changes, where none is owed or this one makes no sense. */
  answer(code: number): void {
    const oldest = this.#owed[0];
    if (oldest === undefined) throw new Error("no reply is owed");
    if (!this.fits(code)) throw new RangeError(`${code} does not answer ${oldest.asked.type}`);
    const next = code === 421 ? "closed" : oldest.moves[severityOf(code)] ?? "same";
    if (next === "closed") return this.close();
    this.#owed.shift();
    if (next !== "same") this.#state = next;
    if (this.#owed.length === 0) this.#ahead = this.#state;
  }

  /** The session is over (§3.8): nothing is owed any more. */
  close(): void {
    this.#state = this.#ahead = "closed";
    this.#owed.length = 0;
  }
}
