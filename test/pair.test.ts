// Every order of commands up to a depth, between the two engines: whenever both are quiet, both are in the same state, and what
// the one would not say the other would not have taken.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_EXTENSIONS, formatCommand, reply, settings, SMTPUTF8, type Question, type Reply, type Request } from "../dist/protocol/index.js";
import { commandOf } from "./client-transcript.js";
import { octetsOf } from "./drive.js";
import { Pair, type PairOptions } from "./pair.js";
import { random } from "./splits.js";

const test = suite("pair");

const PEERS: { readonly [name: string]: PairOptions["server"] } = {
  "with all extensions": settings({ extensions: [...DEFAULT_EXTENSIONS, SMTPUTF8] }),
  "without any": settings({ extensions: [] }),
};

/** A command; those that name "refused" or "later" are answered so. DATA is followed by a message where it may be. */
const COMMANDS = [
  "EHLO x", "HELO x", "MAIL FROM:<a@b>", "MAIL FROM:<refused@b>", "RCPT TO:<a@b>", "RCPT TO:<later@b>", "DATA", "RSET", "NOOP", "QUIT",
].map(commandOf);
const DEPTH = 5;

function answer(question: Question): Reply | undefined {
  const text = JSON.stringify(question);
  if (question.type === "message") return undefined;
  return text.includes("refused") ? reply(550, "5.7.1", "No") : text.includes("later") ? reply(450, "4.2.1", "Later") : undefined;
}

function* orders(depth: number): Generator<Request[]> {
  if (depth === 0) return yield [];
  for (const order of orders(depth - 1)) {
    if (order.at(-1)?.type !== "QUIT") for (const command of COMMANDS) yield [...order, command];
  }
}

for (const [name, server] of Object.entries(PEERS)) {
  test(`every order of ${DEPTH} commands, one after the other, to a server ${name}`, () => {
    let tried = 0;
    let taken = 0;
    for (const order of orders(DEPTH)) {
      const pair = new Pair({ server, answer });
      for (const command of order) {
        tried += 1;
        if (step(pair, command)) taken += 1;
        else if (pair.client.state !== "closed") assert.match(pair.bypass(formatCommand(command, server.grammar)), /^503/, JSON.stringify(order));
        quietAndEqual(pair, order);
      }
    }
    assert.ok(taken > tried / 10, `${taken} of ${tried} were allowed`);
  });
}

test("every order, as far as it may be said at once", () => {
  for (const order of orders(DEPTH - 1)) {
    const pair = new Pair({ server: PEERS["with all extensions"]!, answer });
    pair.post(commandOf("EHLO x"));
    pair.settle();
    for (const command of order) {
      if (pair.post(command)) continue;
      pair.settle(); // a reply has to come first
      endData(pair);
      pair.post(command);
    }
    pair.settle();
    endData(pair);
    quietAndEqual(pair, order);
  }
});

test("random sessions, with messages, in single octets", () => {
  const chance = random(3);
  for (let session = 0; session < 300; session++) {
    const pair = new Pair({ server: PEERS["with all extensions"]!, answer, cut: true });
    const order: Request[] = [commandOf("EHLO x")];
    for (let index = 0; index < 12; index++) order.push(COMMANDS[chance(COMMANDS.length)]!);
    for (const command of order) {
      step(pair, command);
      quietAndEqual(pair, order);
    }
  }
});

test("a message is whole at the other end, however it is cut", () => {
  const pair = new Pair({ server: PEERS["with all extensions"]! });
  for (const line of ["EHLO x", "MAIL FROM:<a@b> SIZE=20 BODY=8BITMIME", "RCPT TO:<c@d>", "RCPT TO:<e@d>", "DATA"]) {
    assert.ok(pair.post(commandOf(line)), line);
    pair.settle();
  }
  pair.deliver(octetsOf("Hi.\r"), octetsOf("\n."), octetsOf(".\r\n\r\n.end"));
  assert.equal(pair.happened, ['body "Hi.\\r"', 'body "\\n."', 'body ".\\r\\n\\r\\n.end"', 'body "\\r\\n"', "message 17"]);
  assert.equal(pair.told, ["connect 220", "EHLO 250", "MAIL 250", "RCPT 250", "RCPT 250", "DATA 354", "message 250"]);
});

test("SMTPUTF8, where it was offered and asked for", () => {
  const pair = new Pair({ server: PEERS["with all extensions"]! });
  for (const line of ["EHLO x", "MAIL FROM:<jürgen@example.com> SMTPUTF8", "RCPT TO:<δοκιμή@παράδειγμα>"]) {
    assert.ok(pair.post(commandOf(line)), line);
    pair.settle();
  }
  const plain = new Pair({ server: PEERS["without any"]! });
  plain.post(commandOf("EHLO x"));
  plain.settle();
  assert.not.ok(plain.post(commandOf("MAIL FROM:<jürgen@example.com> SMTPUTF8")));
});

/** Says a command and waits until all is quiet; whether it was said. */
function step(pair: Pair, command: Request): boolean {
  const said = pair.post(command);
  pair.settle();
  endData(pair);
  return said;
}

function endData(pair: Pair): void {
  if (pair.client.state === "data") pair.deliver(octetsOf("Subject: hello\r\n\r\n.\r\n"));
}

function quietAndEqual({ client, server, told }: Pair, order: readonly Request[]): void {
  assert.is(client.owed, 0);
  if (client.state !== server.state) throw new Error(`client "${client.state}", server "${server.state}" after ${JSON.stringify(order)}: ${told.join(", ")}`);
}

test.run();
