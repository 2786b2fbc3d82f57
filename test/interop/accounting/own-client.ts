// Our own sending end as a client: it sends again what was refused for now, or lost, until it is stored or refused for good.

import { setTimeout as sleep } from "node:timers/promises";
import type { Path, Rcpt, Reply } from "../../../dist/protocol/index.js";
import { Upstream, type Transaction } from "../../../dist/transport/index.js";
import { ENHANCED_CODE } from "./heard.js";
import type { Ledger } from "./ledger.js";
import { copiesFor } from "./lists.js";
import { contentOf, MANY_TRIES, type Plan } from "./plan.js";

/** Nothing takes as long as this; what does is a hang. */
const PATIENCE_MS = 30_000;
const SLOW = /no reply in time|not reached in time|no answer/;
const BETWEEN_TRIES_MS = { step: 10, most: 200 };

const NOTHING = new Uint8Array();

export class OwnClient {
  readonly #upstream: Upstream;
  readonly #ledger: Ledger;
  readonly #planOf: (number: number) => Plan;

  constructor(port: number, ledger: Ledger, planOf: (number: number) => Plan) {
    const limits = { replyMs: PATIENCE_MS, dataReplyMs: PATIENCE_MS, messageReplyMs: PATIENCE_MS, dataBlockMs: PATIENCE_MS };
    this.#upstream = new Upstream(["127.0.0.1", port], { hostname: "client.test", connectMs: PATIENCE_MS, beginMs: PATIENCE_MS, limits });
    this.#ledger = ledger;
    this.#planOf = planOf;
  }

  close(): void {
    void this.#upstream.close();
  }

  /** Sends a message until something final is said of it to each recipient. */
  async deliver(number: number): Promise<void> {
    const plan = this.#planOf(number);
    let { recipients } = plan;
    for (let nth = 1; nth <= plan.tries; nth++) {
      recipients = await this.#try(number, nth, { ...plan, recipients });
      if (recipients.length === 0) return;
      await sleep(Math.min(nth * BETWEEN_TRIES_MS.step, BETWEEN_TRIES_MS.most));
    }
    if (plan.tries === MANY_TRIES) this.#ledger.problems.push(`own ${number} was sent ${plan.tries} times, and is not taken still`);
  }

  /** Resolves with the recipients for whom it is to be sent again. */
  async #try(number: number, nth: number, plan: Plan): Promise<readonly string[]> {
    const key = `own-${number}/${nth}`;
    const content = contentOf(number, key, plan);
    const eightBit = nth % 2 === 1 && { BODY: "8BITMIME" }; // not always, so that one that lacks it is no reason to fail for ever
    const reversePath = plan.sender === null ? null : path(plan.sender);
    const transaction = await this.#upstream.begin({ type: "MAIL", reversePath, parameters: { ...eightBit } });
    const { given, answers, ended } = await converse(transaction, Buffer.from(content.replaceAll("\n", "\r\n"), "latin1"), plan, nth);
    if (!ended) transaction.abort();
    const { code, lines, clause } = given;
    const heard = { code, lines: lines.map((line) => line.replace(ENHANCED_CODE, "")), ended, byProxy: clause === "" };
    const accepted = plan.recipients.filter((_, index) => answers[index] !== undefined && answers[index].code < 300);
    this.#ledger.enter(key, { source: "own client", message: `own-${number}`, heard, copies: copiesFor(accepted, content, plan.sender) });
    if (SLOW.test(lines.join(" "))) this.#ledger.problems.push(`${key} hung: ${lines.join(" ")}`);
    if (code >= 500) return [];
    const open = plan.recipients.filter((_, index) => answers[index] === undefined || answers[index].code < 500);
    return code < 300 ? open.filter((each) => !accepted.includes(each)) : open;
  }
}

interface Conversed {
  /** The reply that decided. */
  readonly given: Reply;
  /** To each recipient. */
  readonly answers: readonly Reply[];
  /** Whether the end of the data was sent. */
  readonly ended: boolean;
}

async function converse(transaction: Transaction, content: Buffer, plan: Plan, nth: number): Promise<Conversed> {
  let answers: readonly Reply[] = [];
  const over = (given: Reply): Conversed => ({ given, answers, ended: false });
  if (transaction.reply.code >= 300) return over(transaction.reply);

  const asked = plan.recipients.map((each) => transaction.rcpt(rcpt(each)));
  const pipelined = plan.pipelined ? transaction.data() : undefined;
  answers = await Promise.all(asked);
  if (answers.every(({ code }) => code >= 300)) {
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
  return { given: (await transaction.end())[0]!, answers, ended: true };
}

const LEFT: Reply = { code: 451, enhanced: "", lines: ["Upstream: we have left"], clause: "" };

function rcpt(address: string): Rcpt {
  return { type: "RCPT", forwardPath: path(address), parameters: {} };
}

function path(address: string): Path {
  const [localPart = "", domain = ""] = address.split("@");
  return { sourceRoute: [], localPart, domain };
}
