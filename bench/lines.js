// Command lines per second through the whole engine: framing, parsing, the table, the reply. Beside them, the same octets copied.

import { Server, settings } from "../dist/protocol/index.js";
import { compare, print } from "./measure.js";

const LINES = 20_000;
const SEGMENT_OCTETS = 16_384;
const shared = settings({ limits: { recipients: Infinity, outputOctets: SEGMENT_OCTETS } });
const encoder = new TextEncoder();

/** An engine in a transaction, with all steps answered as usual. */
function inTransaction() {
  const server = new Server(shared);
  pull(server);
  feed(server, encoder.encode("EHLO client.example\r\nMAIL FROM:<a@example.com>\r\n"));
  return server;
}

/** @param {Server} server */
function pull(server) {
  for (;;) {
    const { type } = server.next();
    if (type === "need-input" || type === "close") return;
    if (type !== "output" && type !== "abort" && type !== "body") server.reply();
  }
}

/** @param {Server} server @param {Uint8Array} octets */
function feed(server, octets) {
  server.receive(octets);
  pull(server);
}

/** @param {string} line @param {number} segmentOctets */
function through(line, segmentOctets = SEGMENT_OCTETS) {
  const wire = encoder.encode(`${line}\r\n`.repeat(LINES));
  const segments = [];
  for (let at = 0; at < wire.length; at += segmentOctets) segments.push(wire.subarray(at, at + segmentOctets));
  return () => {
    const server = inTransaction();
    for (const segment of segments) feed(server, segment);
    return LINES;
  };
}

/** @param {string} line */
function copied(line) {
  const wire = encoder.encode(`${line}\r\n`.repeat(LINES));
  const target = new Uint8Array(wire.length);
  return () => {
    target.set(wire);
    return LINES;
  };
}

const RCPT = "RCPT TO:<somebody.or.other@mail.example.org>";

const contestants = {
  [`memory copy of ${RCPT}`]: copied(RCPT),
  [RCPT]: through(RCPT),
  [`${RCPT}, octet by octet`]: through(RCPT, 1),
  "RCPT TO:<\"quoted local part\"@[IPv6:2001:db8::1]>": through("RCPT TO:<\"quoted local part\"@[IPv6:2001:db8::1]>"),
  "MAIL with SIZE and BODY, RSET": through("RSET\r\nMAIL FROM:<somebody@example.com> SIZE=100000 BODY=8BITMIME"),
  NOOP: through("NOOP"),
};
const base = Object.keys(contestants)[0];
print("Command lines through the engine (a pair of commands counts as one line)", "lines", "copy", compare(contestants, base));
