// What our own client sends: to whom, what, and how. All of it comes out of a message's number.

import { random } from "../../splits.js";
import { LISTS } from "./lists.js";
import { NO_SUCH_USER, REFUSED_SUBJECT, TRY_LATER } from "./postfix.js";

/** What is particular about a message. */
export interface Plan {
  readonly recipients: readonly string[];
  /** Null for nobody's address. */
  readonly sender: string | null;
  /** The header, but for the line that names the attempt. */
  readonly fields: readonly string[];
  readonly lines: number;
  /** With a line that Mailman does not take. */
  readonly longLine?: boolean;
  readonly segmentOctets: number;
  readonly pipelined: boolean;
  readonly tries: number;
  /** The first time it leaves in the middle of the message. */
  readonly leaves: boolean;
}

const SENDER = "s@s.test";
const FROM = `From: <${SENDER}>`;
/** Of those that are refused for now, and always will be. */
const FEW_TRIES = 3;
export const MANY_TRIES = 100;

/** To people. */
export function planOf(number: number): Plan {
  const particular = number % 20;
  const recipient = `${number}own@d.test`;
  const recipients: { readonly [nth: number]: readonly string[] } = {
    3: [recipient, `${number}${NO_SUCH_USER}own@d.test`],
    4: [`${number}${NO_SUCH_USER}own@d.test`],
    5: [`${number}${TRY_LATER}own@d.test`],
    6: [recipient, `${number}second@d.test`],
  };
  return {
    recipients: recipients[particular] ?? [recipient],
    sender: SENDER,
    fields: [FROM, `Subject: ${particular === 7 ? REFUSED_SUBJECT : "of one's own"}`],
    lines: number % 100 === 8 ? 20_000 : particular === 9 ? 2_000 : 1 + (number % 40),
    segmentOctets: particular === 10 ? 7 : 5_000,
    pipelined: number % 2 === 0,
    tries: particular === 5 ? FEW_TRIES : MANY_TRIES,
    leaves: particular === 11 || particular === 9,
  };
}

const SUBJECT = "Subject: hello";
const DATE = "Date: Mon, 1 Jan 2024 00:00:00 +0000";
/** Of the fields that Mailman wants all, some, or none. */
const HEADERS = [[FROM, SUBJECT], [FROM, DATE, "Message-ID: <1@s.test>", SUBJECT], [SUBJECT], [SUBJECT, "date: today", "from: nobody@s.test"]];

/** To lists, to people, and to both. */
export function mixedPlanOf(number: number): Plan {
  const person = `${number}own@d.test`;
  const list = (nth: number, subAddress = "", tail = "own"): string => `${(number + nth) % LISTS}l${subAddress}+${number}${tail}@lists.test`;
  const recipients = [
    [person],
    [list(0)],
    [person, list(0)],
    [list(0), person],
    [list(0), list(1), person],
    [list(0), list(0, "-owner"), person, list(1, "-request")],
    [person, list(3).toUpperCase(), `${number}second@d.test`],
    [list(0), list(1), list(2), list(3)],
    [list(0), list(0), person], // it is one delivery
    [list(0), person, list(0, "", "again")],
    [list(0, "-bounces"), list(0, "-bounces", "again")], // and here it is not
    [person, list(1, "-bounces"), list(2, "-join")],
    [person, list(0), `${number}nolist+own@lists.test`],
  ];
  const withBounces = number % recipients.length === 10;
  return {
    ...planOf(number),
    recipients: recipients[number % recipients.length]!,
    sender: withBounces ? null : SENDER,
    fields: HEADERS[number % HEADERS.length]!,
    longLine: number % 20 === 7,
    tries: MANY_TRIES,
  };
}

const TEXTS = [".", "..", ". .", ".dot", "From here", "a line", "caf\xe9", "\xff\x80\x9f", "\t tab", "x".repeat(900), "y".repeat(70), "\x1b[31m", "-- "];
const LONG_LINE = `${"z".repeat(1_100)}\n`;

/** As latin1, with LFs. It ends in a line that nothing but its end has. */
export function contentOf(number: number, attempt: string, { fields, lines, longLine = false }: Plan): string {
  const next = random(number);
  const header = [`X-Attempt: ${attempt}`, ...fields].map((line) => `${line}\n`).join("");
  const body = Array.from({ length: lines }, (_, nth) => `${TEXTS[next(TEXTS.length)]}${nth % 7 === 0 ? ` ${next(1000)}` : ""}\n`).join("");
  return `${header}\n${body}${longLine ? LONG_LINE : ""}The end of ${attempt}\n`;
}
