// The engine as its caller sees it: steps, replies, windows, limits; and what it does with octets nobody meant.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auth, BINARYMIME, CHUNKING, DEFAULT_EXTENSIONS, LINE_ENDINGS, reply, Server, settings, SMTPUTF8, type Rcpt, type Reply } from "../../dist/protocol/index.js";
import { Drive, octetsOf } from "../drive.js";
import { random } from "../splits.js";

const test = suite("server");
const TO_DATA = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";

test("a server of one's own in three lines", () => {
  const server = new Server();
  assert.is(server.next().type, "connect");
  assert.is(server.hello, undefined);
  server.reply();
  const greeting = server.next();
  assert.is(greeting.type === "output" && new TextDecoder().decode(greeting.octets), "220 localhost ESMTP ready\r\n");
});

test("a pipelined group is answered with one output, though its last command is refused", () => {
  const drive = new Drive(settings());
  drive.feed("EHLO x\r\n");
  drive.outputs.length = 0;
  drive.feed("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n");
  assert.is(drive.outputs.length, 1);
  drive.feed("x\r\n.\r\nMAIL FROM:<a@b>\r\nDATA\r\n");
  assert.is(drive.outputs.length, 2);
  assert.match(drive.outputs[1]!, /^250 .*\r\n250 .*\r\n503 .*\r\n$/);
});

test("what ends a group lets the replies go, and what follows begins another", () => {
  const drive = new Drive(settings());
  drive.outputs.length = 0;
  drive.feed("RSET\r\nRSET\r\nNOOP\r\nRSET\r\nVRFY a\r\nEHLO x\r\nNOOP");
  assert.equal(drive.outputs.map((output) => output.match(/^\d{3} /gm)?.length), [3, 2, 1]);
  drive.outputs.length = 0;
  drive.feed("\r\nRSET\r\nXYZZY\r\nRSET\r\nTURN\r\nRSET\r\n");
  assert.equal(drive.outputs.map((output) => output.slice(0, 3)), ["250", "250", "250", "250"]);
  assert.match(drive.outputs[1]!, /500 5.5.1/);
});

test("replies leave when there are very many", () => {
  const drive = new Drive(settings({ limits: { outputOctets: 100 } }));
  drive.outputs.length = 0;
  drive.feed("RSET\r\n".repeat(50));
  assert.ok(drive.outputs.length > 5);
  assert.ok(drive.outputs.every((output) => output.length <= 100 + 20));
  assert.is(drive.replies, "250 2.0.0 OK\r\n".repeat(50));
});

test("RCPTs are asked ahead, up to the window, and answered in order", () => {
  const drive = new Drive(settings({ limits: { rcptWindow: 3 } }), { slow: true });
  drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nRCPT TO:<4@d>\r\nNOOP\r\n");
  assert.is(drive.owed, 1, "MAIL alone: what follows depends on its answer");
  drive.takeReplies();
  drive.answer();
  assert.is(drive.owed, 3);
  assert.is(drive.last, "need-reply");
  drive.answer("250 2.1.5 first");
  assert.is(drive.owed, 3);
  drive.answer("550 5.1.1 second").answer("250 2.1.5 third");
  assert.is(drive.owed, 1, "NOOP waits for all of them");
  assert.is(drive.log.at(-1), "RCPT TO:<4@d>");
  drive.answer("450 4.2.1 fourth");
  assert.is(drive.log.at(-1), "NOOP");
  drive.answer();
  assert.is(drive.replies, "250 2.1.0 Sender OK\r\n250 2.1.5 first\r\n550 5.1.1 second\r\n250 2.1.5 third\r\n450 4.2.1 fourth\r\n250 2.0.0 OK\r\n");
  assert.is(drive.server.state, "rcpt");
});

test("a mistake behind RCPTs that are owed an answer does not overtake them", () => {
  for (const mistake of ["RCPT TO:oops", "NONSENSE", "EHLO", `NOOP ${"x".repeat(1000)}`, "NOOP \n"]) {
    const drive = new Drive(settings(), { slow: true });
    drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n").answer();
    drive.takeReplies();
    drive.feed(`RCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\n${mistake}\r\n`);
    assert.is(drive.replies, "", mistake);
    drive.answer("250 2.1.5 first");
    drive.answer("250 2.1.5 second");
    assert.match(drive.replies, /^250 2.1.5 first\r\n250 2.1.5 second\r\n50\d /, mistake);
  }
});

test("the window does not overlook the limit of recipients", () => {
  const drive = new Drive(settings({ limits: { recipients: 2 } }), { slow: true });
  drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n").answer();
  drive.feed("RCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nRCPT TO:<4@d>\r\n");
  assert.is(drive.owed, 2);
  drive.takeReplies();
  drive.answer("550 5.1.1 No").answer();
  assert.is(drive.log.at(-1), "RCPT TO:<3@d>", "a refused one leaves room for another");
  drive.answer();
  assert.match(drive.replies, /^550 .*\r\n250 .*\r\n250 .*\r\n452 4.5.3 Too many recipients\r\n$/);
});

test("nothing is read while a reply is owed", () => {
  const drive = new Drive(settings(), { slow: true });
  assert.is(drive.last, "need-reply");
  drive.answer().feed("NOOP\r\nNOOP\r\n");
  assert.is(drive.owed, 1);
  drive.answer();
  assert.is(drive.owed, 1);
  assert.is(drive.last, "need-reply");
  drive.answer();
  assert.is(drive.last, "need-input");
  drive.feed(TO_DATA).answer().answer().answer().answer().feed("x\r\n.\r\nNOOP\r\n");
  assert.is(drive.log.at(-1), "message 3");
});

test("an answer that makes no sense changes nothing", () => {
  const drive = new Drive(settings(), { slow: true });
  drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n");
  drive.takeReplies();
  assert.throws(() => drive.server.reply(reply(354, "", "what?")), RangeError);
  assert.is(drive.server.state, "ready");
  assert.is(drive.server.wait.for, "answer");
  drive.answer();
  assert.is(drive.server.state, "mail");
  assert.throws(() => drive.server.reply(), /no reply is owed/);
  assert.is(drive.takeReplies(), "250 2.1.0 Sender OK\r\n");
});

test("octets that were not asked for", () => {
  const server = new Server(settings());
  server.receive(octetsOf("NOOP\r\n"));
  assert.throws(() => server.receive(octetsOf("NOOP\r\n")), /before next\(\) asked for input/);
});

test("after its end the engine says close, and nothing disturbs it", () => {
  const drive = new Drive(settings());
  drive.feed("QUIT\r\n");
  const { server } = drive;
  assert.is(server.next().type, "close");
  server.receive(octetsOf("NOOP\r\n"));
  server.reply();
  server.refuse(reply(451, "4.3.0", "no"));
  server.timedOut();
  server.shutdown();
  server.shutdown(true);
  server.ended();
  assert.is(server.next().type, "close");
  assert.is(server.wait.for, "nothing");
  assert.is(server.wait.ms, Infinity);
});

test("a late answer is dropped", () => {
  const drive = new Drive(settings(), { slow: true });
  drive.answer().feed("NOOP\r\n");
  drive.takeReplies();
  drive.server.ended();
  drive.answer("250 2.0.0 too late");
  assert.is(drive.replies, "");
  assert.is(drive.last, "close");
});

test("the application refuses a message while it comes", () => {
  const drive = new Drive(settings());
  drive.feed(`${TO_DATA}one\r\n`);
  drive.takeReplies();
  drive.server.refuse(reply(452, "4.3.1", "Disk full"));
  drive.server.refuse(reply(554, "5.6.0", "Too late to change one's mind"));
  drive.feed("two\r\n.\r\nNOOP\r\n");
  assert.equal(drive.log.slice(-3), ['body "one\\r\\n"', "abort refused", "NOOP"]);
  assert.is(drive.replies, "452 4.3.1 Disk full\r\n250 2.0.0 OK\r\n");
  drive.server.refuse(reply(451, "4.3.0", "nothing to refuse"));
  assert.is(drive.server.state, "ready");
});

test("the message step tells the envelope", () => {
  const drive = new Drive(settings({ extensions: [...DEFAULT_EXTENSIONS, SMTPUTF8] }), { answers: new Map([["RCPT TO:<2@d>", "550 5.1.1 No"]]) });
  drive.feed("EHLO me\r\nMAIL FROM:<a@b> BODY=8BITMIME\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\nDATA\r\n");
  drive.server.receive(octetsOf("x\r\n.\r\n"));
  drive.server.next();
  const step = drive.server.next();
  assert.equal(step, {
    type: "message",
    hello: { type: "EHLO", domain: "me" },
    mail: { type: "MAIL", reversePath: { sourceRoute: [], localPart: "a", domain: "b" }, parameters: { BODY: "8BITMIME" } },
    recipients: ["1", "3"].map((localPart) => ({ type: "RCPT", forwardPath: { sourceRoute: [], localPart, domain: "d" }, parameters: {} })),
    size: 3,
    irregularities: [],
  });
});

test("whom we wait for, and how long", () => {
  const limits = { commandMs: 1, dataBlockMs: 2, answerMs: 3, partingMs: 4, messageAnswerMs: 5 };
  const drive = new Drive(settings({ limits }), { slow: true });
  const waits = (): unknown => [drive.server.wait.for, drive.server.wait.ms];
  assert.equal(waits(), ["answer", 3]);
  drive.answer();
  assert.equal(waits(), ["command", 1]);
  const before = drive.server.wait;
  drive.feed("EHL");
  assert.is(drive.server.wait, before, "half a command is no progress");
  drive.feed("O x\r\n");
  assert.is.not(drive.server.wait, before);
  drive.answer().feed("MAIL FROM:<a@b>\r\n").answer().feed("RCPT TO:<c@d>\r\n").answer().feed("DATA\r\n").answer();
  assert.equal(waits(), ["data", 2]);
  const inData = drive.server.wait;
  drive.feed("x");
  assert.is.not(drive.server.wait, inData, "a block of data is");
  assert.is(drive.server.wait.whole, inData.whole, "and the message goes on");
  drive.server.shutdown();
  assert.equal(waits(), ["data", 2]);
  drive.feed("\r\n.\r\n");
  assert.equal(waits(), ["answer", 5]);
  drive.answer();
  assert.equal(waits(), ["command", 4]);
});

test("an idle engine keeps no octets", () => {
  const drive = new Drive(settings());
  const segment = octetsOf("NOOP\r\n");
  drive.feed(segment);
  const text = JSON.stringify(drive.server);
  assert.not.match(text, /"0":/);
  drive.server.receive(octetsOf("NO")); // accepted: the segment before was given back
});

test("mail data that comes before DATA is answered is data, all of it", () => {
  for (const answer of [undefined, "550 No"]) {
    const drive = new Drive(settings(), { slow: true });
    drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n").answer().feed("RCPT TO:<c@d>\r\n").answer();
    drive.feed("DATA\r\nSubject: x\r\n\r\nHi.\r\n.\r\n").answer(answer);
    if (answer === undefined) assert.equal(drive.log.slice(-2), ['body "Subject: x\\r\\n\\r\\nHi.\\r\\n"', "message 19"]);
    else assert.match(drive.replies, /550 5\.0\.0 No\r\n500 /);
  }
});

test("the same octets, the same replies and the same steps, whatever the segments", () => {
  const next = random(17);
  const words = [
    "EHLO x\r\n", "MAIL FROM:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n", "RSET\r\n", "text\r\n", "..\r\n", ".\r\n", "\r\n", "\r", "\n", ".", "QUIT\r\n", "XYZZY\r\n", "0123456789".repeat(6),
    "BDAT 7\r\n", "BDAT 40\r\n", "BDAT 0\r\n", "BDAT 3 LAST\r\n", "BDAT x\r\n", "AUTH PLAIN\r\n", "=\r\n",
  ];
  const usual = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
  for (let run = 0; run < 1500; run++) {
    const extensions = [...DEFAULT_EXTENSIONS, CHUNKING, BINARYMIME, auth(() => ["PLAIN"])];
    const options = settings({ extensions, lmtp: run % 4 === 3, lineEndings: LINE_ENDINGS[run % 3]!, limits: { messageOctets: 50, commandLineOctets: 40, textLineOctets: 20, recipients: 2, errors: 5 } });
    const begins = usual.replace("EHLO", run % 4 === 3 ? "LHLO" : "EHLO").replace("DATA\r\n", run % 2 === 0 ? "DATA\r\n" : "").replace(">\r\nRCPT", run % 5 === 0 ? "> BODY=BINARYMIME\r\nRCPT" : ">\r\nRCPT");
    const wire = octetsOf(begins + Array.from({ length: next(25) }, () => words[next(words.length)]).join(""));
    const play = (cuts: () => number): [string, ...string[]] => {
      const drive = new Drive(options, { answers: new Map([["AUTH PLAIN", "334 "]]) });
      for (let at = 0; at < wire.length; ) {
        const to = at + cuts();
        drive.feed(wire.subarray(at, to));
        at = to;
      }
      drive.server.ended();
      return [drive.replies, ...drive.run().log];
    };
    const whole = play(() => wire.length);
    assert.equal(play(() => 1), whole);
    for (let times = 0; times < 5; times++) assert.equal(play(() => 1 + next(30)), whole);
  }
});

test("whatever octets come, the engine answers, stays within its limits and never throws", () => {
  const next = random(42);
  const words = [
    "EHLO x", "HELO x", "MAIL FROM:<a@b>", "MAIL FROM:<>", "MAIL FROM:<a@b> SIZE=1", "RCPT TO:<c@d>", "DATA", "RSET", "NOOP", "VRFY x", "EXPN x", "HELP", "QUIT",
    "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", ".", "\r\n.\r\n", "\r", "\n", "\0", "\x1b[31m", " ", "<", ">", "@", "x".repeat(600), "\xff\xfe", "é", "SIZE=", "BODY=",
  ];
  for (let run = 0; run < 3000; run++) {
    const lineEndings = LINE_ENDINGS[run % 3]!;
    const drive = new Drive(settings({ lineEndings, leniencies: [run % 2 === 0 ? "strict" : "smtpd"], limits: { messageOctets: 40, recipients: 3, errors: 1000 } }));
    for (let feeds = 0; feeds < 30 && drive.last !== "close"; feeds++) {
      const text = Array.from({ length: next(6) }, () => words[next(words.length)]).join("");
      const octets = next(4) === 0 ? Uint8Array.from({ length: next(20) }, () => next(256)) : Buffer.from(text, "latin1");
      if (octets.length > 0) drive.feed(octets);
    }
    drive.server.ended();
    drive.run();
    for (const line of drive.replies.split("\r\n").slice(0, -1)) assert.match(line, /^[2-5]\d\d[ -][\x20-\x7e]*$/);
    assert.ok(drive.replies.split("\r\n").every((line) => line.length <= 510));
    balanced(drive.log);
  }
});

/** Each accepted MAIL is followed by one `message` or one `abort`. */
function balanced(log: readonly string[]): void {
  let open = 0;
  for (const line of log) {
    if (line.startsWith("MAIL")) open += 1;
    if (line.startsWith("message") || line.startsWith("abort")) open -= 1;
    assert.ok(open === 0 || open === 1, log.join("\n"));
  }
  assert.is(open, 0, log.join("\n"));
}

test("memory does not grow with the input: a line without end, a message without end", () => {
  const endless = new Drive(settings());
  const drain = new Drive(settings({ limits: { messageOctets: 1000 } }));
  drain.feed(TO_DATA);
  const before = process.memoryUsage();
  const segment = octetsOf("x".repeat(65536));
  for (let times = 0; times < 1000; times++) {
    endless.feed(segment);
    drain.feed(segment);
  }
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 4e6 && after.heapUsed - before.heapUsed < 30e6);
  endless.feed("\r\n");
  drain.feed("\r\n.\r\n");
  assert.match(endless.replies, /500 5.5.2 Line too long\r\n$/);
  assert.match(drain.replies, /552 5.3.4 .*\r\n$/);
});

test("linear: a line that comes octet by octet is searched once", () => {
  const drive = new Drive(settings());
  let segments = 0;
  const octet = octetsOf("x");
  for (; segments < 200_000; segments++) drive.feed(octet);
  drive.feed("\r\nNOOP\r\n");
  assert.match(drive.replies, /500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n$/);
});

test("what an application does to one path is not seen in another", () => {
  const shared = settings();
  const routes = [1, 2].map(() => {
    const drive = new Drive(shared, { slow: true });
    drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<>\r\n").answer();
    drive.server.receive(octetsOf("RCPT TO:<a@b>\r\n"));
    const step = drive.server.next();
    assert.is(step.type, "RCPT");
    return (step as Rcpt).forwardPath.sourceRoute as string[];
  });
  assert.throws(() => routes[0]!.push("other.example"), TypeError);
  assert.equal(routes[1], []);
});

test("LMTP: nothing said of a recipient is no 250 for it, where something was said of others", () => {
  const drive = new Drive(settings({ lmtp: true }), { slow: true });
  drive.answer().feed("LHLO x\r\n").answer().feed("MAIL FROM:<>\r\n").answer().feed("RCPT TO:<a@b>\r\n").answer().feed("RCPT TO:<c@d>\r\n").answer();
  drive.feed("DATA\r\n").answer().feed("x\r\n.\r\n");
  drive.takeReplies();
  drive.server.reply([undefined, reply(550, "5.1.1", "No")] as unknown as Reply[]);
  drive.run();
  assert.is(drive.takeReplies(), "550 5.1.1 No\r\n550 5.1.1 No\r\n");
});

test("a list of one reply is that reply", () => {
  const drive = new Drive(settings(), { slow: true });
  drive.answer().feed("EHLO x\r\n").answer().feed("NOOP\r\n");
  drive.takeReplies();
  const fine = reply(250, "2.0.0", "Fine");
  assert.throws(() => drive.server.reply([fine, fine]), /2 replies, where 1 can be given/);
  drive.server.reply([fine]);
  drive.run();
  assert.is(drive.takeReplies(), "250 2.0.0 Fine\r\n");
});

test("a list of replies is looked at before any of it is said", () => {
  const drive = new Drive(settings({ lmtp: true }), { slow: true });
  drive.answer().feed("LHLO x\r\n").answer().feed("MAIL FROM:<a@b>\r\n").answer().feed("RCPT TO:<c@d>\r\n").answer().feed("RCPT TO:<e@f>\r\n").answer().feed("DATA\r\n").answer().feed("x\r\n.\r\n");
  drive.takeReplies();
  const [fine, odd] = [reply(250, "2.0.0", "Fine"), reply(354, "", "Go on")];
  assert.throws(() => drive.server.reply([fine, odd]), /354 does not answer delivery/);
  assert.throws(() => drive.server.reply([fine, fine, fine]), /3 replies, where 2 can be given/);
  drive.run();
  assert.is(drive.takeReplies(), "");
  drive.server.reply([reply(421, "4.3.2", "Not now"), fine]);
  drive.run();
  assert.is(drive.takeReplies(), "421 4.3.2 Not now\r\n");
  assert.is(drive.last, "close");
});

test.run();
