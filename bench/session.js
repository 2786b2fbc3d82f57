// Whole sessions in memory, the engine alone: transactions per second, what one allocates, and what an idle session keeps. Beside
// it a responder that parses nothing, and both ends of the conversation in one process.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { settings } from "../dist/protocol/index.js";
import { Responder } from "./canned.js";
import { BothEnds, feed, greeted, HELLO } from "./engine.js";
import { beside, interleaved, ratesOf } from "./measure.js";
import { unlessQuick } from "./options.js";
import { NOT_INSTALLED, peer } from "./peers.js";
import { report } from "./report.js";

setFlagsFromString("--expose-gc");
const collect = /** @type {() => void} */ (runInNewContext("gc"));
const TRANSACTIONS = 100;
/** Counted at a time: few enough that nothing is collected meanwhile. */
const COUNTED = 10;
const COUNTS = unlessQuick(60, 3);
/** As many in a quick run: of fewer, what they hold is less than what the heap does by itself. */
const SESSIONS = 5_000;
const IDLE_ROUNDS = unlessQuick(7, 2);

const shared = settings({ hostname: "server.example" });
const BODY = `Subject: bench\r\n\r\n${`${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 72)}\r\n`.repeat(13)}`;
const MAIL = "MAIL FROM:<a@example.com> SIZE=1000\r\n";
const RCPT = "RCPT TO:<b@example.org>\r\n";
/** What a client writes for one message, write by write. */
const SHAPES = [
  { title: "command by command, 1 KB", recipients: 1, writes: [MAIL, RCPT, "DATA\r\n", `${BODY}.\r\n`] },
  { title: "in groups of 5 recipients, 1 KB", recipients: 5, writes: [`${MAIL}${RCPT.repeat(5)}DATA\r\n`, `${BODY}.\r\n`] },
];

/** @param {readonly string[]} writes @returns {Record<string, () => void>} one transaction each, in a session that goes on */
function receivers(writes) {
  const octets = writes.map((each) => Buffer.from(each));
  const server = greeted(shared);
  const responder = new Responder();
  return {
    smtpd: () => octets.forEach((each) => feed(server, each)),
    canned: () => octets.forEach((each) => responder.receive(each)),
  };
}

/** @param {number} recipients @param {boolean} grouped */
function pair(recipients, grouped) {
  const ends = new BothEnds(shared);
  const body = Buffer.from(BODY);
  const address = (/** @type {string} */ localPart, /** @type {string} */ domain) => ({ localPart, domain, sourceRoute: [] });
  return () => {
    const mail = /** @type {const} */ ({ type: "MAIL", reversePath: address("a", "example.com"), parameters: { SIZE: 1000 } });
    const rcpts = Array.from({ length: recipients }, () => /** @type {const} */ ({ type: "RCPT", forwardPath: address("b", "example.org"), parameters: {} }));
    const commands = [mail, ...rcpts, /** @type {const} */ ({ type: "DATA" })];
    if (grouped) ends.ask(...commands);
    else for (const command of commands) ends.ask(command);
    ends.deliver(body);
  };
}

/** Octets of the heap, and of buffers beside it. */
function held() {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Octets that one run of `work` allocates. @param {() => void} work */
function allocated(work) {
  collect();
  const before = held();
  for (let run = 0; run < COUNTED; run++) work();
  return (held() - before) / COUNTED;
}

/** @param {typeof SHAPES[number]} shape */
async function transactions({ title, recipients, writes }) {
  const works = { ...receivers(writes), "smtpd, both ends": pair(recipients, recipients > 1) };
  const rates = ratesOf(Object.fromEntries(Object.entries(works).map(([name, work]) => [name, () => {
    for (let run = 0; run < TRANSACTIONS; run++) work();
    return TRANSACTIONS;
  }])));
  const names = Object.keys(works);
  const octets = Object.fromEntries(names.map((name) => [name, /** @type {number[]} */ ([])]));
  await interleaved(names, async (name, at) => {
    const each = allocated(works[/** @type {keyof typeof works} */ (name)]);
    if (at >= 0) octets[name].push(each);
  }, { rounds: COUNTS });
  const columns = [{ unit: "transactions/s", ratio: "smtpd ×" }, { unit: "octets allocated", ratio: "smtpd ×" }];
  return { title: `Transactions, ${title}`, columns, rows: names.map((name) => ({ name, cells: [beside(rates[name], rates.smtpd), beside(octets[name], octets.smtpd)] })) };
}

/** Octets that one of many keeps. @param {() => unknown} make */
function retained(make) {
  collect();
  const before = held();
  const kept = Array.from({ length: SESSIONS }, make);
  collect();
  const octets = (held() - before) / kept.length;
  return octets;
}

async function idle() {
  const [connection, server] = await Promise.all([peer("smtp-server/lib/smtp-connection.js"), peer("smtp-server")]);
  const theirs = server && new server.SMTPServer({ authOptional: true, logger: false });
  const socket = { remoteAddress: "127.0.0.1", localAddress: "127.0.0.1", remotePort: 1, localPort: 25 };
  /** @type {Record<string, () => unknown>} */
  const makers = {
    smtpd: () => greeted(shared),
    canned: () => {
      const responder = new Responder();
      responder.receive(HELLO);
      return responder;
    },
    ...(server && { "smtp-server, not greeted yet": () => new connection.SMTPConnection(theirs, socket) }),
  };
  const names = Object.keys(makers);
  const octets = Object.fromEntries(names.map((name) => [name, /** @type {number[]} */ ([])]));
  await interleaved(names, async (name, at) => {
    const each = retained(makers[name]);
    if (at >= 0) octets[name].push(each);
  }, { rounds: IDLE_ROUNDS });
  const rows = names.map((name) => ({ name, cells: [beside(octets[name], octets.smtpd)] }));
  const others = server ? [] : [{ name: "smtp-server", cells: [], absent: NOT_INSTALLED }];
  return { title: "State of an idle session, without its socket", columns: [{ unit: "octets", ratio: "smtpd ×" }], rows: [...rows, ...others] };
}

report("session", [await transactions(SHAPES[0]), await transactions(SHAPES[1]), await idle()]);
