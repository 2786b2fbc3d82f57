// The loop over a wire in memory: answers at once and later, hooks that fail, backpressure, deadlines.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { reply, settings, type SettingsOptions } from "../../dist/protocol/index.js";
import { Connection, type Answer, type Eventually, type MessageAnswer, type Peer, type Session, type Wire } from "../../dist/transport/index.js";
import { octetsOf } from "../drive.js";

const test = suite("serve");
const PEER: Peer = { address: "192.0.2.1", port: 4711, localAddress: "192.0.2.2", localPort: 25 };

class MemoryWire implements Wire {
  readonly peer = PEER;
  readonly writes: string[] = [];
  readonly events: string[] = [];
  /** What write() says next: whether it takes more. */
  takesMore = true;

  write(octets: Uint8Array): boolean {
    this.writes.push(new TextDecoder().decode(octets));
    return this.takesMore;
  }
  pause(): void { this.events.push("pause"); }
  resume(): void { this.events.push("resume"); }
  close(): void { this.events.push("close"); }
  destroy(): void { this.events.push("destroy"); }

  get said(): string {
    return this.writes.join("");
  }

  take(): string {
    return this.writes.splice(0).join("");
  }
}

interface Served {
  readonly wire: MemoryWire;
  readonly connection: Connection;
  readonly failures: string[];
  feed(text: string): Served;
}

function served(session: Session, options: SettingsOptions = {}, accepted?: () => void): Served {
  const wire = new MemoryWire();
  const failures: string[] = [];
  const connection = new Connection(wire, {
    settings: settings({ hostname: "foo.com", ...options }),
    strategy: { session: () => session },
    failed: (what, error) => failures.push(`${what}: ${String(error)}`),
    accepted,
  });
  connection.pump();
  const all: Served = { wire, connection, failures, feed: (text) => (connection.receive(octetsOf(text)), all) };
  return all;
}

/** A promise and its ends. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const TO_DATA = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";

test("hooks are named after the steps; what has no hook is answered as usual", () => {
  const seen: string[] = [];
  const { wire, feed } = served({
    connect: () => void seen.push("connect"),
    EHLO: ({ domain }) => void seen.push(`EHLO ${domain}`),
    MAIL: ({ reversePath }) => void seen.push(`MAIL ${reversePath?.localPart}`),
    RCPT: ({ forwardPath }) => (forwardPath.localPart === "nobody" ? "550 5.1.1 No such user" : undefined),
    NOOP: () => reply(250, "2.0.0", "Still here"),
    body: (chunk) => void seen.push(`body ${new TextDecoder().decode(chunk)}`),
    message: ({ size }) => `250 2.6.0 ${size} octets`,
    abort: ({ reason }) => void seen.push(`abort ${reason}`),
    closed: () => void seen.push("closed"),
  });
  feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<nobody@d>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
  feed("one\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\nQUIT\r\n");
  assert.match(wire.said, /550 5.1.1 No such user\r\n250 2.1.5 .*354 .*250 2.6.0 5 octets\r\n250 2.0.0 Still here\r\n.*221 /s);
  assert.equal(seen, ["connect", "EHLO x", "MAIL a", "body one\r\n", "MAIL undefined", "abort closed", "closed"]);
  assert.equal(wire.events, ["close"]);
});

test("each leniency that a command makes use of is told, before its own hook", () => {
  const seen: string[] = [];
  const { feed } = served({
    leniency: (name, { type }) => void seen.push(`${type} ${name}`),
    MAIL: ({ leniencies = [] }) => void seen.push(`MAIL asked, ${leniencies.length}`),
  });
  feed("EHLO my_laptop\r\nMAIL FROM: a@b\r\nRCPT TO:<a b>\r\nRCPT TO:<c@d>\r\n");
  assert.equal(seen, ["EHLO hello-name", "MAIL space-after-colon", "MAIL path-without-brackets", "MAIL asked, 2"]);
});

test("answers at once: one write for a group, and no promise", () => {
  const { wire, feed } = served({ message: () => undefined });
  feed("EHLO x\r\n");
  wire.take();
  const real = globalThis.Promise;
  let promises = 0;
  globalThis.Promise = new Proxy(real, { construct: (target, args, self) => ((promises += 1), Reflect.construct(target, args, self) as object) });
  try {
    feed("MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nDATA\r\n");
    feed("one\r\n.\r\n");
  } finally {
    globalThis.Promise = real;
  }
  assert.is(promises, 0);
  assert.is(wire.writes.length, 2);
  assert.equal(wire.events, []);
});

test("a session without a message hook takes no message", () => {
  const { wire, feed } = served({});
  feed(TO_DATA).feed("x\r\n.\r\n");
  assert.match(wire.said, /354 .*\r\n451 4.3.5 Nothing here takes messages\r\n$/);
});

test("slow answers: RCPTs are asked side by side, answered in order, and nothing is read meanwhile", async () => {
  const answers = [deferred<string>(), deferred<string>(), deferred<string>()];
  let asked = 0;
  const { wire, feed } = served({ RCPT: () => answers[asked++]!.promise });
  feed("EHLO x\r\n");
  wire.take();
  feed("MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nNOOP\r\n");
  assert.is(asked, 3);
  assert.equal(wire.events, ["pause"]);
  assert.is(wire.take(), "250 2.1.0 Sender OK\r\n", "what is decided is not held back");
  answers[2]!.resolve("250 2.1.5 three");
  await turn();
  answers[1]!.reject(new Error("database down"));
  await turn();
  assert.is(wire.said, "");
  answers[0]!.resolve("250 2.1.5 one");
  await turn();
  assert.is(wire.take(), "250 2.1.5 one\r\n451 4.3.0 Local error in processing\r\n250 2.1.5 three\r\n250 2.0.0 OK\r\n");
  assert.equal(wire.events, ["pause", "resume"]);
});

test("an answer at once waits behind a slow one", async () => {
  const slow = deferred<string>();
  const { wire, feed } = served({ RCPT: ({ forwardPath }) => (forwardPath.localPart === "slow" ? slow.promise : "550 5.1.1 fast") });
  feed("EHLO x\r\nMAIL FROM:<a@b>\r\n");
  wire.take();
  feed("RCPT TO:<slow@d>\r\nRCPT TO:<fast@d>\r\n");
  assert.is(wire.said, "");
  slow.resolve("250 2.1.5 slow");
  await turn();
  assert.is(wire.said, "250 2.1.5 slow\r\n550 5.1.1 fast\r\n");
});

test("hooks that throw, reject, or answer nonsense: 451 for the peer, the reason for the operator, and the session goes on", async () => {
  const nonsense: Record<string, () => unknown> = {
    throws: () => { throw new TypeError("oops"); },
    rejects: () => Promise.reject(new Error("later oops")),
    "a text that is no reply": () => "fine",
    "a reply that is out of place": () => "354 go on",
    "a number": () => 42,
    "half a reply": () => ({ code: 250 }),
    "a reply without a code": () => ({ lines: ["x"] }),
    "a reply whose lines are none": () => ({ code: 250, enhanced: "2.1.5", lines: [42] }),
    "one that rejects with nothing": () => Promise.reject(undefined),
    "a getter that throws": () => ({ get then() { throw new Error("in then"); } }),
  };
  for (const [what, hook] of Object.entries(nonsense)) {
    const { wire, feed, failures } = served({ MAIL: hook as NonNullable<Session["MAIL"]>, message: () => undefined });
    feed("EHLO x\r\n");
    wire.take();
    feed("MAIL FROM:<a@b>\r\nNOOP\r\n");
    await turn();
    assert.is(wire.said, "451 4.3.0 Local error in processing\r\n250 2.0.0 OK\r\n", what);
    assert.is(failures.length, 1, what);
    assert.match(failures[0]!, /^MAIL: /);
  }
  const { wire, feed } = served({ MAIL: (() => null) as unknown as NonNullable<Session["MAIL"]> });
  feed("EHLO x\r\nMAIL FROM:<a@b>\r\n");
  assert.match(wire.said, /250 2.1.0 Sender OK\r\n$/, "null is nothing");
});

test("a greeting that fails turns the caller away", () => {
  const { wire, feed } = served({ connect: () => { throw new Error("no"); } });
  feed("EHLO x\r\nQUIT\r\n");
  assert.match(wire.said, /^451 Local error in processing\r\n503 .*\r\n221 /);
});

test("a message hook that fails acknowledges nothing", async () => {
  const { wire, feed, failures } = served({ message: () => Promise.reject(new Error("disk full")) });
  feed(TO_DATA);
  wire.take();
  feed("x\r\n.\r\n");
  await turn();
  assert.is(wire.said, "451 4.3.0 Local error in processing\r\n");
  assert.equal(failures, ["message: Error: disk full"]);
});

test("a slow body hook holds the peer back", async () => {
  const chunks: string[] = [];
  const waits: (() => void)[] = [];
  const { wire, feed } = served({
    body: (chunk) => new Promise<void>((resolve) => (chunks.push(new TextDecoder().decode(chunk)), waits.push(resolve))),
    message: () => undefined,
  });
  feed(TO_DATA).feed("one\r\n");
  assert.equal(wire.events, ["pause"]);
  waits[0]!();
  await turn();
  assert.equal(wire.events, ["pause", "resume"]);
  wire.take();
  feed("two\r\n.\r\n");
  assert.is(wire.said, "", "the message is not there before its last piece is taken");
  waits[1]!();
  await turn();
  assert.is(wire.said, "250 2.0.0 Message accepted\r\n");
  assert.equal(chunks, ["one\r\n", "two\r\n"]);
});

test("a body hook refuses: by a reply, by throwing, by rejecting, by nonsense", async () => {
  const hooks: Record<string, [() => unknown, RegExp]> = {
    reply: [() => "552 5.2.2 Mailbox full", /^552 5.2.2 Mailbox full\r\n$/],
    "reply, later": [async () => reply(552, "5.2.2", "Mailbox full"), /^552 5.2.2 Mailbox full\r\n$/],
    throws: [() => { throw new Error("oops"); }, /^451 4.3.0 .*\r\n$/],
    rejects: [() => Promise.reject(new Error("oops")), /^451 4.3.0 .*\r\n$/],
    nonsense: [() => "hm", /^451 4.3.0 .*\r\n$/],
  };
  for (const [what, [hook, expected]] of Object.entries(hooks)) {
    const events: string[] = [];
    const { wire, feed } = served({
      body: hook as NonNullable<Session["body"]>,
      message: () => void events.push("message"),
      abort: ({ reason }) => void events.push(reason),
    });
    feed(TO_DATA);
    wire.take();
    feed("one\r\n");
    await turn();
    feed("two\r\n.\r\n");
    await turn();
    assert.match(wire.said, expected, what);
    assert.equal(events, ["refused"], what);
  }
});

test("a body hook cannot accept", async () => {
  for (const answer of ["250 fine", "354 more", { code: 550, enhanced: "", lines: [undefined] }]) {
    const { wire, feed, failures } = served({ body: () => answer as string, message: () => undefined });
    feed(TO_DATA);
    wire.take();
    feed("x\r\n.\r\n");
    assert.is(wire.said, "451 4.3.0 Local error in processing\r\n");
    assert.is(failures.length, 1);
  }
});

test("thenables that are no promises: one that resolves at once, one whose then is no function", async () => {
  const { wire, feed } = served({ body: () => ({ then: (resolve: () => void) => resolve() }) as unknown as Promise<void>, message: () => ({ then: 1 }) as unknown as string });
  feed(TO_DATA);
  wire.take();
  feed("x\r\n.\r\n");
  await turn();
  assert.is(wire.said, "451 4.3.0 Local error in processing\r\n");
});

test("an operator's callbacks that throw end nothing", async () => {
  const wire = new MemoryWire();
  const connection = new Connection(wire, {
    settings: settings(),
    strategy: { session: () => ({ message: () => undefined, NOOP: () => { throw new Error("hook"); } }) },
    failed: () => { throw new Error("failed"); },
    accepted: () => { throw new Error("accepted"); },
    trace: () => { throw new Error("trace"); },
  });
  connection.pump();
  connection.receive(octetsOf(TO_DATA));
  connection.receive(octetsOf("x\r\n.\r\nNOOP\r\nRSET\r\n"));
  assert.match(wire.said, /354 .*\r\n250 2.0.0 Message accepted\r\n451 4.3.0 .*\r\n250 2.0.0 OK\r\n$/);
});

test("a session is hooks, and no promise of them", () => {
  const strategy = { session: () => Promise.reject(new Error("later")) as unknown as Session };
  assert.throws(() => new Connection(new MemoryWire(), { settings: settings(), strategy, failed: () => {} }), TypeError);
});

test("the time for a message's answer begins when it is asked for", async () => {
  const body = deferred<void>();
  const { wire, connection, feed } = served({ body: () => body.promise, message: () => new Promise(() => {}) }, { limits: { dataBlockMs: 100, messageAnswerMs: 300 } });
  feed(TO_DATA).feed("x\r\n.\r\n");
  connection.tick(0);
  connection.tick(99);
  body.resolve();
  await turn();
  connection.tick(101);
  connection.tick(400);
  assert.not.match(wire.said, /421/);
  connection.tick(401);
  assert.match(wire.said, /421 4.3.0 foo.com Local timeout/);
});

test("messages back to back have their own time each", () => {
  const { wire, connection, feed } = served({ message: () => undefined }, { limits: { messageMs: 100 } });
  feed(TO_DATA);
  for (let now = 0; now < 500; now += 60) {
    connection.tick(now);
    feed("x\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
  }
  assert.not.match(wire.said, /421/);
});

test("a request of HTTP is hung up on", () => {
  for (const line of ["POST / HTTP/1.1", "GET / HTTP/1.1", "connect x:1 HTTP/1.1"]) {
    const { wire, feed } = served({});
    feed(`${line}\r\nHost: localhost\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n`);
    assert.match(wire.said, /ready\r\n421 4.7.0 foo.com This is SMTP\r\n$/);
    assert.equal(wire.events, ["close"]);
  }
});

const LMTP_GROUP = "LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nDATA\r\n";
const ANSWERS: readonly { readonly answer: MessageAnswer; readonly said: string }[] = [
  { answer: ["250 2.1.5 One", reply(452, "4.2.2", "Two"), "550 5.2.1 Three"], said: "250 One\r\n452 Two\r\n550 Three\r\n" },
  { answer: ["550 5.2.1 One", "250 2.1.5 All others"], said: "550 One\r\n250 All others\r\n250 All others\r\n" },
  { answer: ["452 4.2.2 All"], said: "452 All\r\n".repeat(3) },
  { answer: "250 2.1.5 All", said: "250 All\r\n".repeat(3) },
  { answer: [], said: "451 Local error in processing\r\n".repeat(3) },
  { answer: ["250 2.1.5 One", ""], said: "451 Local error in processing\r\n".repeat(3) },
  { answer: [undefined as unknown as string], said: "451 Local error in processing\r\n".repeat(3) },
];

test("LMTP: a message has a reply for each recipient; the last counts for all further ones", async () => {
  for (const { answer, said } of ANSWERS) {
    for (const message of [() => answer, async () => answer]) {
      let accepted = 0;
      const { wire, feed } = served({ message }, { lmtp: true, extensions: [] }, () => (accepted += 1));
      feed(LMTP_GROUP);
      wire.take();
      feed(".\r\n");
      await turn();
      assert.is(wire.take(), said);
      assert.is(accepted, said.includes("250") ? 1 : 0);
    }
  }
});

test("LMTP: behind a 421 no recipient hears anything, and nothing was taken", () => {
  let accepted = 0;
  const { wire, feed, failures } = served({ message: () => ["421 4.3.2 Not now", "250 2.0.0 Fine"] }, { lmtp: true }, () => (accepted += 1));
  feed("LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n").feed("x\r\n.\r\n");
  assert.match(wire.said, /354 [^]*\r\n421 4\.3\.2 Not now\r\n$/);
  assert.equal([accepted, failures, wire.events], [0, [], ["close"]]);
});

for (const [lmtp, replies, mistake] of [
  [false, ["250 2.0.0 One", "550 5.0.0 Two"], "2 replies, where 1 can be given"],
  [true, ["250 2.0.0 One", "250 2.0.0 Two", "250 2.0.0 Three"], "3 replies, where 2 can be given"],
  [true, ["250 2.0.0 One", "354 Go on"], "354 does not answer delivery"],
] as const) {
  test(`${lmtp ? "LMTP" : "SMTP"}: ${replies.length} replies to two recipients, ${mistake}: 451 before anything is said, and nothing was taken`, () => {
    let accepted = 0;
    const { wire, feed, failures } = served({ message: () => replies }, { lmtp }, () => (accepted += 1));
    feed(`${lmtp ? "LHLO" : "EHLO"} x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n`).feed("x\r\n.\r\nNOOP\r\n");
    assert.match(wire.said, lmtp ? /354 .*\r\n451 .*\r\n451 .*\r\n250 2\.0\.0 OK\r\n$/ : /354 .*\r\n451 .*\r\n250 2\.0\.0 OK\r\n$/);
    assert.equal([accepted, failures], [0, [`message: RangeError: ${mistake}`]]);
  });
}

test("hooks that only listen may fail too", async () => {
  const { wire, feed, failures } = served({
    abort: (async () => { throw new Error("in abort"); }) as unknown as NonNullable<Session["abort"]>,
    closed: () => { throw new Error("in closed"); },
  });
  feed("EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\n");
  await turn();
  assert.match(wire.said, /221 /);
  assert.equal(failures.sort(), ["abort: Error: in abort", "closed: Error: in closed"]);
});

test("a peer that does not read is not read from", () => {
  const { wire, connection, feed } = served({});
  wire.take();
  wire.takesMore = false;
  feed("NOOP\r\nNOOP\r\nNOOP\r\n");
  assert.is(wire.writes.length, 1);
  assert.equal(wire.events, ["pause"]);
  wire.takesMore = true;
  connection.drained();
  assert.is(wire.said, "250 2.0.0 OK\r\n".repeat(3));
  assert.equal(wire.events, ["pause", "resume"]);
  connection.drained();
  assert.equal(wire.events, ["pause", "resume"]);
});

test("a hook that calls back in does not start the loop a second time", () => {
  const all = served({ NOOP: () => (all.connection.pump(), undefined) });
  all.feed("NOOP\r\nNOOP\r\n");
  assert.match(all.wire.said, /ready\r\n250 2.0.0 OK\r\n250 2.0.0 OK\r\n$/);
});

test("the peer goes while a hook thinks: the transaction is given up, and the late answer falls on nothing", async () => {
  const late = deferred<void>();
  const events: string[] = [];
  const { wire, connection, feed } = served({
    RCPT: () => late.promise,
    abort: ({ reason }) => void events.push(`abort ${reason}`),
    closed: () => void events.push("closed"),
  });
  feed("EHLO x\r\nMAIL FROM:<a@b>\r\n");
  wire.take();
  feed("RCPT TO:<c@d>\r\n");
  connection.ended();
  late.resolve();
  await turn();
  connection.receive(octetsOf("NOOP\r\n"));
  connection.ended();
  assert.is(wire.said, "");
  assert.equal(events, ["abort closed", "closed"]);
  assert.equal(wire.events, ["pause", "close"]);
});

test("the peer goes while a body hook thinks", async () => {
  const late = deferred<void>();
  const events: string[] = [];
  const { connection, feed } = served({ body: () => late.promise, abort: ({ reason }) => void events.push(reason), closed: () => void events.push("closed") });
  feed(TO_DATA).feed("one\r\n");
  connection.ended();
  late.resolve();
  await turn();
  assert.equal(events, ["closed", "closed"]);
});

test("deadlines: a command, however it drips; a block; a whole message; an answer", () => {
  const limits = { commandMs: 100, dataBlockMs: 50, messageMs: 120, answerMs: 70 };
  const dripping = served({}, { limits });
  for (let now = 0; now <= 99; now += 33) {
    dripping.connection.tick(now);
    dripping.feed("N");
  }
  assert.not.match(dripping.wire.said, /421/);
  dripping.connection.tick(100);
  assert.match(dripping.wire.said, /421 4.4.2 foo.com Timeout\r\n$/);
  dripping.connection.tick(1000);
  assert.equal(dripping.wire.events, ["close"]);

  const silent = served({}, { limits });
  silent.feed(TO_DATA).connection.tick(0);
  silent.connection.tick(49);
  assert.not.match(silent.wire.said, /421/);
  silent.connection.tick(50);
  assert.match(silent.wire.said, /421/);

  const endless = served({}, { limits });
  endless.feed(TO_DATA);
  for (let now = 0; now < 120; now += 20) {
    endless.connection.tick(now);
    endless.feed("x\r\n");
  }
  assert.not.match(endless.wire.said, /421/);
  endless.connection.tick(120);
  assert.match(endless.wire.said, /421/);

  const thinking = served({ RCPT: () => new Promise(() => {}) }, { limits });
  thinking.feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n").connection.tick(0);
  thinking.connection.tick(69);
  assert.not.match(thinking.wire.said, /421/);
  thinking.connection.tick(70);
  assert.match(thinking.wire.said, /421/);
});

test("a peer that does not read hears no 421: it is cut off", () => {
  const { wire, connection, feed } = served({}, { limits: { commandMs: 100 } });
  wire.takesMore = false;
  feed("NOOP\r\n");
  connection.tick(0);
  connection.tick(100);
  assert.ok(wire.events.includes("destroy"));
});

test("shutdown: the idle hear 421 at once, the busy when they are done, all of them at the end of patience", () => {
  const idle = served({});
  idle.connection.shutdown();
  assert.match(idle.wire.said, /421 4.3.2 foo.com Service shutting down\r\n$/);
  assert.equal(idle.wire.events, ["close"]);

  const busy = served({ message: () => undefined });
  busy.feed(TO_DATA).connection.shutdown();
  busy.feed("x\r\n.\r\n");
  assert.match(busy.wire.said, /250 2.0.0 Message accepted\r\n$/);
  busy.feed("QUIT\r\n");
  assert.match(busy.wire.said, /221 /);

  const stuck = served({ RCPT: () => new Promise(() => {}) });
  stuck.feed("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n").connection.shutdown();
  assert.not.match(stuck.wire.said, /421/);
  stuck.connection.shutdown(true);
  assert.match(stuck.wire.said, /421/);
  assert.ok(stuck.wire.events.includes("close"));
});

test("what was accepted is told, what was refused is not", async () => {
  const wire = new MemoryWire();
  let accepted = 0;
  const late = deferred<void>();
  const answers: (() => Eventually<Answer>)[] = [() => undefined, () => "550 5.7.1 No", () => "250 2.0.0 Fine", () => Promise.reject(new Error("oops"))];
  const connection = new Connection(wire, {
    settings: settings(),
    strategy: { session: () => ({ message: () => answers.shift()!() }) },
    failed: () => {},
    accepted: () => (accepted += 1),
  });
  connection.pump();
  for (let times = 0; times < 4; times++) {
    connection.receive(octetsOf(TO_DATA));
    connection.receive(octetsOf("x\r\n.\r\n"));
    await turn();
  }
  answers.push(() => late.promise);
  connection.receive(octetsOf(TO_DATA));
  connection.receive(octetsOf("x\r\n.\r\n"));
  connection.ended();
  late.resolve();
  await turn();
  assert.is(accepted, 2, "one that comes too late is not");
});

test("the trace sees every octet, both ways", () => {
  const wire = new MemoryWire();
  const seen: string[] = [];
  const connection = new Connection(wire, {
    settings: settings(),
    strategy: { session: () => ({}) },
    failed: () => {},
    trace: (peer, from, octets) => seen.push(`${peer.address} ${from} ${new TextDecoder().decode(octets)}`),
  });
  connection.pump();
  connection.receive(octetsOf("QUIT\r\n"));
  assert.equal(seen, [
    "192.0.2.1 server 220 localhost ESMTP ready\r\n", "192.0.2.1 client QUIT\r\n", "192.0.2.1 server 221 2.0.0 localhost closing connection\r\n",
  ]);
});

test.run();
