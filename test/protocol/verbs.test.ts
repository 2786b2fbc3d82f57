// Commands written and read again are the same.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  DEFAULT_EXTENSIONS, EXPN, formatCommand, formatParameters, parameterTexts, Server, settings, SMTPUTF8, type Command, type Path,
} from "../../dist/protocol/index.js";
import { octetsOf } from "../drive.js";
import { random } from "../splits.js";

const test = suite("verbs");
const composed = settings({ extensions: [...DEFAULT_EXTENSIONS, SMTPUTF8, EXPN], leniencies: ["strict"] });

const next = random(3);
const pick = <T>(values: readonly T[]): T => values[next(values.length)]!;

const LOCAL_PARTS = ["a", "a.b", "JoHn+x", `"q q"`, `"\\""`, `""`, "ü", `"ü >"`, "!#$%"];
const DOMAINS = ["b", "x-y.example", "[1.2.3.4]", "[IPv6:::1]", "[T:x]", "ü.example"];

function path(): Path {
  return { sourceRoute: pick([[], [], ["r.example"], ["r.example", "s"]]), localPart: pick(LOCAL_PARTS), domain: pick(DOMAINS) };
}

function command(): Command {
  const string = pick(["x", "a b", "<a@b>"]);
  const utf8 = { string: pick(["x", "ü", "<ü@b>"]), parameters: { SMTPUTF8: true } } as const;
  return pick<() => Command>([
    () => ({ type: "MAIL", reversePath: pick([null, path()]), parameters: { ...(next(2) ? { SIZE: next(1000) } : {}), ...(next(2) ? { BODY: "8BITMIME" } : {}), SMTPUTF8: true } }),
    () => ({ type: "RCPT", forwardPath: pick([path(), { sourceRoute: [], localPart: "Postmaster", domain: "" }]), parameters: {} }),
    () => ({ type: "NOOP", string: pick(["", string]) }),
    () => ({ type: "HELP", string: pick(["", "MAIL"]) }),
    () => ({ type: "VRFY", ...pick([{ string }, utf8]) }),
    () => ({ type: "EXPN", ...pick([{ string }, utf8]) }),
    () => ({ type: pick(["EHLO", "HELO"]), domain: pick(["x", "[1.2.3.4]"]) }),
    () => ({ type: pick(["DATA", "RSET", "QUIT"]) }),
  ])();
}

/** What a server in a state that takes it makes of a line. */
function read(line: string, type: string): unknown {
  const server = new Server(composed);
  const before = type === "RCPT" || type === "DATA" ? ["EHLO x", "MAIL FROM:<> SMTPUTF8", ...(type === "DATA" ? ["RCPT TO:<a@b>"] : [])] : type === "MAIL" ? ["EHLO x"] : [];
  server.next();
  server.reply();
  for (const each of before) {
    server.receive(octetsOf(`${each}\r\n`));
    while (server.next().type !== "need-input") if (server.wait.for === "answer") server.reply();
  }
  server.receive(octetsOf(`${line}\r\n`));
  for (;;) {
    const step = server.next();
    if (step.type !== "output") return step;
  }
}

test("what is written is read as it was", () => {
  for (let run = 0; run < 3000; run++) {
    const written = command();
    const line = formatCommand(written, composed.grammar);
    assert.equal(read(line, written.type), written, line);
  }
});

test("parameters as text", () => {
  assert.equal(parameterTexts({ SIZE: 10, SMTPUTF8: true, BODY: "7BIT" }), ["SIZE=10", "SMTPUTF8", "BODY=7BIT"]);
  assert.is(formatParameters({ SIZE: 10, SMTPUTF8: true }), " SIZE=10 SMTPUTF8");
  assert.is(formatParameters({}), "");
});

test("every verb of the table can be written, but those of the engine's own questions and the ones not implemented", () => {
  const silent = [...composed.grammar.rows].filter(([, row]) => row.format === undefined).map(([name]) => name);
  assert.equal(silent, ["TURN", "SEND", "SOML", "SAML", "connect", "message", "delivery"]);
});

test.run();
