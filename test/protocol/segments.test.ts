// What has to hold however octets are cut and however long answers take: AUTH and STARTTLS, at both ends. Dialogues are made at random;
// each is run whole, octet by octet, and in random pieces, and has to come out the same.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auth, Client, DEFAULT_EXTENSIONS, settings, STARTTLS } from "../../dist/protocol/index.js";
import { ClientDrive } from "../client-transcript.js";
import { Drive, octetsOf } from "../drive.js";
import { cut, forAll, splits } from "../splits.js";

const test = suite("segments");

type Below = (below: number) => number;
type Cut = (octets: Uint8Array) => Iterable<Uint8Array>;

function some<T>(of: readonly T[], below: Below): T {
  return of[below(of.length)]!;
}

/** Cutting nothing, everything, and at random. */
function* cuts(below: Below): Generator<Cut> {
  yield (octets) => [octets];
  yield (octets) => Array.from(octets, (octet) => Uint8Array.of(octet));
  for (const most of [4, 30, 300, 9000]) yield (octets) => cut(octets, most, below);
}

// The receiving end

const SERVER = settings({ extensions: [...DEFAULT_EXTENSIONS, STARTTLS, auth(({ secure }) => (secure ? ["PLAIN", "CRAM-MD5"] : ["CRAM-MD5"]))], limits: { errors: 8 } });

const ANSWERS = new Map([
  ["AUTH PLAIN", "334 "], ["AUTH PLAIN QQ==", "334 Qg=="], ["AUTH PLAIN AGEAYg==", "235 2.7.0 Welcome"], ["AUTH CRAM-MD5", "334 Pg=="],
  ["QQ==", "334 Qg=="], ["QUI=", "535 5.7.8 No"], ["QUJD", "235 2.7.0 Welcome"], ["", "454 4.7.0 Not now"], ["STARTTLS", "220 2.0.0 Go"], ["RCPT TO:<no@b>", "550 5.1.1 No"],
]);

const AUTHS = ["AUTH CRAM-MD5", "AUTH CRAM-MD5", "AUTH PLAIN", "auth plain QQ==", "AUTH PLAIN AGEAYg==", "AUTH PLAIN =", "AUTH PLAIN Q", "AUTH", "AUTH OTHER"];
const RESPONSES = ["QQ==", "QQ==", "QQ==", "QUI=", "QUI=", "QUJD", "", "*", "* ", "QR==", "not base64", "\xff\x01", "QQ==\rx", "QQ==\nx"];
const LONG = ["A".repeat(12_284), "A".repeat(12_288), "A".repeat(20_000)];
const OTHERS = ["EHLO x", "HELO x", "NOOP", "RSET", "MAIL FROM:<a@b>", "MAIL FROM:<a@b> AUTH=<>", "RCPT TO:<c@d>", "RCPT TO:<no@b>", "DATA", "VRFY x", "XYZZY", "QUIT"];
const MESSAGE = ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<no@b>", "RCPT TO:<e@f>", "DATA\r\nNOOP\r\n.", "NOOP"];

/** An exchange of AUTH, a message, or something else. */
function unit(below: Below): readonly string[] {
  const kind = below(8);
  if (kind > 3) return [some(AUTHS, below), ...Array.from({ length: below(3) }, () => some(below(30) === 0 ? LONG : RESPONSES, below))];
  return kind === 3 ? MESSAGE : [some(OTHERS, below)];
}

/** What is said in the clear, and behind each handshake: whatever comes, with STARTTLS here and there. */
function phases(below: Below): Uint8Array[] {
  const units = (): string[] => Array.from({ length: 1 + below(6) }, () => unit(below)).flat();
  const phase = (): string[] => [...(below(5) > 0 ? ["EHLO x"] : []), ...units(), ...(below(3) > 0 ? ["RSET", "STARTTLS", ...units()] : [])];
  return Array.from({ length: 1 + below(3) }, () => Buffer.from(phase().map((line) => `${line}\r\n`).join(""), "latin1"));
}

interface Played {
  readonly log: readonly string[];
  readonly replies: string;
  /** Where each handshake was asked for; how many octets behind it were there, and dropped; how many there might have been. */
  readonly handshakes: readonly (readonly [at: number, dropped: number, behind: number])[];
}

/** The octets of a phase that come when the handshake has been asked for are its own: none of them is a command. */
function played(wire: readonly Uint8Array[], cut: Cut, slow?: Below): Played {
  const drive = new Drive(SERVER, { answers: ANSWERS, slow: slow !== undefined });
  const answered = (): void => {
    while (drive.owed > 0 && (drive.last === "need-reply" || slow!(2) === 0)) drive.answerAsUsual();
  };
  const handshakes: (readonly [number, number, number])[] = [];
  answered();
  for (const phase of wire) {
    let fed = 0;
    for (const segment of cut(phase)) {
      if (drive.last === "handshake") break;
      fed += segment.length;
      drive.feed(segment);
      answered();
    }
    if (drive.last !== "handshake") continue;
    const dropped = Number(/\d+/.exec(drive.log.at(-1)!)?.[0] ?? 0);
    handshakes.push([fed - dropped, dropped, phase.length - fed + dropped]);
    drive.server.secured();
    drive.run();
    assert.not.ok(drive.server.authenticated, "what was said in the clear is forgotten");
  }
  while (drive.owed > 0) drive.answerAsUsual();
  const welcome = drive.replies.split("220 2.0.0 Go").at(-1)!.includes("235 ");
  assert.is(drive.server.authenticated, welcome, "logged in is who was told so, under this TLS");
  drive.server.ended();
  drive.run();
  return { log: drive.log.map((line) => line.replace(/^handshake.*/, "handshake")), replies: drive.replies, handshakes };
}

test("a server asks, says and drops the same, however its client's octets are cut, and however long answers take", () => {
  const seen = new Set<string>();
  forAll(150, (below) => {
    const wire = phases(below);
    const whole = played(wire, (octets) => [octets]);
    for (const cut of cuts(below)) {
      for (const slow of [undefined, below]) {
        const { log, replies, handshakes } = played(wire, cut, slow);
        assert.equal([log, replies], [whole.log, whole.replies]);
        assert.equal(handshakes.map(([at]) => at), whole.handshakes.map(([at]) => at));
      }
    }
    for (const [, dropped, behind] of whole.handshakes) assert.is(dropped, behind);
    for (const reply of whole.replies.matchAll(/^\d{3} \d\.\d\.\d+/gm)) seen.add(reply[0]);
    for (const line of whole.log) seen.add(line.split(" ", 1)[0]!);
  });
  const reached = ["235 2.7.0", "535 5.7.8", "501 5.5.2", "501 5.7.0", "500 5.5.6", "504 5.5.4", "538 5.7.11", "454 4.7.0", "503 5.5.1", "421 4.7.0", "handshake", "message", "abort", "QUJD"];
  if (process.env["SEED"] === undefined) assert.equal(reached.filter((each) => !seen.has(each)), [], "the dialogues reach all of this");
});

test("of what stands behind STARTTLS in its segment nothing is done, cut wherever it may be", () => {
  const clear = octetsOf("EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@b>\r\nAUTH CRAM-MD5\r\nQUJD\r\nQUI");
  const at = octetsOf("EHLO x\r\nSTARTTLS\r\n").length;
  const secret = octetsOf("EHLO x\r\nRSET\r\n");
  for (const segments of splits(clear)) {
    const { log, replies, handshakes } = played([clear, secret], (octets) => (octets === clear ? segments : [octets]));
    assert.equal(log, ["connect", "EHLO x", "STARTTLS", "handshake", "EHLO x", "RSET", "close"]);
    assert.match(replies, /220 2\.0\.0 Go\r\n250-localhost\r\n[^]*250 AUTH PLAIN CRAM-MD5\r\n250 2\.0\.0 OK\r\n$/);
    let end = 0;
    for (const segment of segments) if ((end += segment.length) >= at) break;
    assert.equal(handshakes, [[at, end - at, clear.length - at]]);
  }
});

// The sending end

const SAYINGS = [
  "EHLO x", "AUTH PLAIN AGEAYg==", "AUTH LOGIN", "AUTH OTHER eA==", "response dXNlcg==", "response dXNlcg==", "response *", "response no base64", "STARTTLS", "secured", "secured",
  "MAIL FROM:<a@b>", "MAIL FROM:<a@b> AUTH=<>", "RCPT TO:<c@d>", "DATA", "body .x", "end of data", "RSET", "NOOP", "QUIT",
];

const USUAL: { readonly [word: string]: readonly string[] } = {
  EHLO: ["250-foo.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n", "250-foo.com\r\n250-AUTH PLAIN LOGIN\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "250 foo.com\r\n"],
  AUTH: ["334 VXNlcm5hbWU6\r\n", "334 \r\n", "235 2.7.0 Welcome\r\n", "535-No\r\n535 not you\r\n", "454 Not now\r\n", "334 VXNlcm5hbWU6\r\n235 Welcome\r\n"],
  response: ["334 UGFzc3dvcmQ6\r\n", "334\r\n", "235 Welcome\r\n", "535 No\r\n", "501 Cancelled\r\n", "235 Welcome\r\n250 unasked\r\n", "334 two\r\n334 challenges\r\n"],
  STARTTLS: ["220 Go\r\n", "220-Go\r\n220 ahead\r\n", "454 Not now\r\n", "220 Go\r\n250 injected\r\n", "220 Go\r\n2", "220 Go\r\n\x16\x03\x01"],
  MAIL: ["250 Fine\r\n", "550 No\r\n"], RCPT: ["250 Fine\r\n"], DATA: ["354 Go on\r\n"], end: ["250 Taken\r\n"], QUIT: ["221 Bye\r\n"],
};
const ODD = ["", "", "250 OK\r\n", "250-\r\n250 OK\r\n", "421 Gone\r\n", "2\r\n", "250 half", "235 Welcome\r\n", "220 Go\r\n", "x".repeat(17_000)];

interface Turn { readonly says: string; readonly heard: Uint8Array }

/** Something is said, mostly what fits, and then something heard; the application hears it to its end before it goes on. */
function turns(below: Below): Turn[] {
  const turn = (says: string): Turn => ({ says, heard: octetsOf(some(below(5) > 0 ? USUAL[says.split(" ", 1)[0]!] ?? [""] : ODD, below)) });
  return [turn("EHLO x"), ...Array.from({ length: 4 + below(16) }, () => turn(some(SAYINGS, below)))];
}

function told(dialogue: readonly Turn[], cut: Cut): string[] {
  const drive = new ClientDrive(new Client());
  const outputs: string[] = [];
  const hear = (octets: Uint8Array): void => {
    for (const segment of cut(octets)) drive.feed(segment);
  };
  hear(octetsOf("220 foo.com\r\n"));
  for (const { says, heard } of dialogue) {
    if (drive.client.owed === 0 || drive.client.offers?.has("PIPELINING") === true) drive.say(says); // what waits for its turn leaves when it comes
    hear(heard);
    outputs.push(drive.takeOutput());
  }
  const behind = "lost: octets behind STARTTLS"; // told with the handshake, or in its place
  return [...drive.log.filter((line, index, log) => line !== "handshake" || log[index + 1] !== behind), ...outputs];
}

test("a client says and is told the same, however its server's octets are cut", () => {
  const seen = new Set<string>();
  forAll(400, (below) => {
    const dialogue = turns(below);
    const whole = told(dialogue, (octets) => [octets]);
    for (const cut of cuts(below)) assert.equal(told(dialogue, cut), whole);
    for (const line of whole) seen.add(line.split("\r\n", 1)[0]!);
  });
  const reached = [
    "AUTH 334 VXNlcm5hbWU6", "AUTH 235 2.7.0 Welcome", "AUTH 535 No | not you", "response 334 UGFzc3dvcmQ6", "response 235 Welcome", "response 501 Cancelled", "handshake",
    "lost: octets behind STARTTLS", "lost: unasked reply", "lost: malformed reply", "lost: reply too long", "refused: AUTH: There was a successful AUTH already",
    "MAIL FROM:<a@b> AUTH=<>", "AUTH PLAIN AGEAYg==", "*",
  ];
  if (process.env["SEED"] === undefined) assert.equal(reached.filter((each) => !seen.has(each)), [], "the dialogues reach all of this");
});

test("what stands behind the answer to STARTTLS ends the session, cut wherever it may be", () => {
  for (const injected of ["250 injected\r\n", "250-half", "2", "\r\n", "\x16\x03\x01"]) {
    for (const segments of splits(octetsOf(`220-Go\r\n220 ahead\r\n${injected}`))) {
      const drive = new ClientDrive(new Client());
      drive.feed(octetsOf("220 foo.com\r\n"));
      drive.say("EHLO x");
      drive.feed(octetsOf("250-foo.com\r\n250 STARTTLS\r\n"));
      drive.say("STARTTLS");
      assert.is(drive.takeOutput(), "EHLO x\r\nSTARTTLS\r\n");
      for (const segment of segments) drive.feed(segment);
      for (const says of ["secured", "EHLO x"]) drive.say(says);
      assert.is(drive.log.at(-1), "lost: octets behind STARTTLS");
      assert.not.ok(drive.client.secure);
      assert.is(drive.takeOutput(), "", "nothing more is said");
    }
  }
});

test.run();
