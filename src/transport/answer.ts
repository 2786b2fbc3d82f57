// What hooks return, as replies: at once or later, a reply or its text, a list of them, or settings.

import { parseReply, reply, type Reply, type Settings } from "../protocol/index.js";
import type { Eventually } from "./eventually.js";
import type { Answer, HelloAnswer, MessageAnswer } from "./strategy.js";

export type AnyAnswer = HelloAnswer | MessageAnswer;

/** Whether one of the replies takes responsibility; behind a 421 none is given any more. */
export function taken(given: Reply | readonly Reply[] | undefined): boolean {
  const replies = given === undefined || "code" in given ? [given] : given;
  const end = replies.findIndex((each) => each?.code === 421);
  return replies.slice(0, end < 0 ? replies.length : end).some((each) => each === undefined || each.code < 300);
}

export function isThenable<T>(value: Eventually<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

export function isSettings(answer: AnyAnswer): answer is Settings {
  return typeof answer === "object" && answer !== null && "grammar" in answer;
}

/** As replies that can be sent: one, or one for each recipient, where nothing said of one is no 250 for it. Throws where they are none. */
export function repliesOf(answer: Exclude<AnyAnswer, Settings>): Reply | readonly Reply[] | undefined {
  if (!isList(answer)) return replyOf(answer);
  const replies = answer.map(replyOf).filter((each) => each !== undefined);
  if (replies.length === 0 || replies.length < answer.length) throw new TypeError("a recipient has no reply");
  return replies;
}

function isList(answer: unknown): answer is readonly (Reply | string)[] {
  return Array.isArray(answer);
}

/** The same of an answer that is no list. */
export function replyOf(answer: Answer): Reply | undefined {
  if (typeof answer === "string") return parseReply(answer);
  return answer ? reply(answer.code, answer.enhanced, answer.lines, answer.clause) : undefined;
}
