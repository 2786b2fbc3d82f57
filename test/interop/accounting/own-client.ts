// Our own sending end as a client: it sends again what was refused for now, or lost, until it is stored or refused for good.

import { setTimeout as sleep } from "node:timers/promises";
import type { Path, Rcpt, Reply } from "../../../dist/protocol/index.js";
import { Upstream, type Transaction } from "../../../dist/transport/index.js";
import { random } from "../../splits.js";
import { isRelayed, outcomeOf, type Ledger, type Outcome } from "./ledger.js";
import { NO_SUCH_USER, REFUSED_SUBJECT, TRY_LATER } from "./postfix.js";

/** Nothing takes as long as this; what does is a hang. */
const PATIENCE_MS = 30_000;
const SLOW = /no reply in time|not reached in time|no answer/;
const BETWEEN_TRIES_MS = { step: 10, most: 200 };
/** Of those that are refused for now, and always will be. */
const FEW_TRIES = 3;
const MANY_TRIES = 100;

const NOTHING = new Uint8Array();

/** What is particular about a message. All of it comes out of its number. */
interface Plan {
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly lines: number;
  readonly segmentOctets: number;
  readonly pipelined: boolean;
  readonly tries: number;
  /** The first time it leaves in the middle of the message. */
  readonly leaves: boolean;
}

function planOf(number: number): Plan {
  const particular = number % 20;
  const recipient = `${number}own`;
  const recipients: { readonly [nth: number]: readonly string[] } = {
    3: [recipient, `${number}${NO_SUCH_USER}own`],
    4: [`${number}${NO_SUCH_USER}own`],
    5: [`${number}${TRY_LATER}own`],
    6: [recipient, `${number}second`],
  };
  return {
    recipients: recipients[particular] ?? [recipient],
    subject: particular === 7 ? REFUSED_SUBJECT : "of one's own",
    lines: number % 100 === 8 ? 20_000 : particular === 9 ? 2_000 : 1 + (number % 40),
    segmentOctets: particular === 10 ? 7 : 5_000,
    pipelined: number % 2 === 0,
    tries: particular === 5 ? FEW_TRIES : MANY_TRIES,
    leaves: particular === 11 || particular === 9,
  };
}

const TEXTS = [".", "..", ". .", ".dot", "From here", "a line", "caf\xe9", "\xff\x80\x9f", "\t tab", "x".repeat(900), "y".repeat(70), "\x1b[31m", "-- "];

/** As latin1, with LFs. It ends in a line that nothing but its end has. */
function contentOf(number: number, attempt: string): string {
  const next = random(number);
  const { lines, subject } = planOf(number);
  const body = Array.from({ length: lines }, (_, nth) => `${TEXTS[next(TEXTS.length)]}${nth % 7 === 0 ? ` ${next(1000)}` : ""}\n`).join("");
  return `X-Attempt: ${attempt}\nFrom: <s@s.test>\nSubject: ${subject}\n\n${body}The end of ${attempt}\n`;
}

export class OwnClient {
  readonly #upstream: Upstream;
  readonly #ledger: Ledger;

  constructor(port: number, ledger: Ledger) {
    const limits = { replyMs: PATIENCE_MS, dataReplyMs: PATIENCE_MS, messageReplyMs: PATIENCE_MS, dataBlockMs: PATIENCE_MS };
    this.#upstream = new Upstream(["127.0.0.1", port], { hostname: "client.test", connectMs: PATIENCE_MS, beginMs: PATIENCE_MS, limits });
    this.#ledger = ledger;
  }

  close(): void {
    void this.#upstream.close();
  }

  /** Sends a message until something final is said of it. */
  async deliver(number: number): Promise<void> {
    const { tries } = planOf(number);
    for (let nth = 1; nth <= tries; nth++) {
      const outcome = await this.#try(number, nth);
      if (outcome === "250" || outcome === "5yz") return;
      await sleep(Math.min(nth * BETWEEN_TRIES_MS.step, BETWEEN_TRIES_MS.most));
    }
    if (tries === MANY_TRIES) this.#ledger.problems.push(`own ${number} was sent ${tries} times, and is not taken still`);
  }

  async #try(number: number, nth: number): Promise<Outcome> {
    const key = `own-${number}/${nth}`;
    const content = contentOf(number, key);
    const eightBit = nth % 2 === 1 && { BODY: "8BITMIME" }; // not always, so that one that lacks it is no reason to fail for ever
    const transaction = await this.#upstream.begin({ type: "MAIL", reversePath: path("s", "s.test"), parameters: { ...eightBit } });
    const { given, recipients, ended } = await converse(transaction, Buffer.from(content.replaceAll("\n", "\r\n"), "latin1"), planOf(number), nth);
    if (!ended) transaction.abort();
    const said = `${given.code} ${given.lines.join(" ")}`;
    const outcome = outcomeOf(given.code, given.lines[0]!, ended);
    this.#ledger.enter(key, { source: "own client", message: `own-${number}`, outcome, said, recipients, isContent: (stored) => isRelayed(stored, content) });
    if (SLOW.test(said)) this.#ledger.problems.push(`${key} hung: ${said}`);
    return outcome;
  }
}

interface Conversed {
  /** The reply that decided. */
  readonly given: Reply;
  readonly recipients: readonly string[];
  /** Whether the end of the data was sent. */
  readonly ended: boolean;
}

async function converse(transaction: Transaction, content: Buffer, plan: Plan, nth: number): Promise<Conversed> {
  const over = (given: Reply): Conversed => ({ given, recipients, ended: false });
  let recipients: string[] = [];
  if (transaction.reply.code >= 300) return over(transaction.reply);

  const asked = plan.recipients.map((each) => transaction.rcpt(rcpt(each)));
  const pipelined = plan.pipelined ? transaction.data() : undefined;
  const answers = await Promise.all(asked);
  recipients = plan.recipients.filter((_, index) => answers[index]!.code < 300);
  if (recipients.length === 0) {
    await pipelined;
    return over(answers.find(({ code }) => code < 500) ?? answers[0]!);
  }
  const start = await (pipelined ?? transaction.data());
  if (start.code >= 400) return over(start);

  const leavesAt = plan.leaves && nth === 1 ? content.length >> 1 : Infinity;
  for (let at = 0; at < content.length; at += plan.segmentOctets) {
    const lost = await transaction.body(content.subarray(at, at + plan.segmentOctets));
    if (lost !== undefined) return over(lost);
    if (at >= leavesAt) return over(LEFT);
  }
  const lost = await transaction.body(NOTHING);
  if (lost !== undefined) return over(lost);
  return { given: (await transaction.end())[0]!, recipients, ended: true };
}

const LEFT: Reply = { code: 451, enhanced: "", lines: ["Upstream: we have left"], clause: "" };

function rcpt(localPart: string): Rcpt {
  return { type: "RCPT", forwardPath: path(localPart, "d.test"), parameters: {} };
}

function path(localPart: string, domain: string): Path {
  return { sourceRoute: [], localPart, domain };
}
