// Every extension that the engine exports, with both ends composed of it: what the client writes the server reads as the same value,
// over SMTP and LMTP, in whole segments and in single octets; and where it is not offered the client does not write it.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { auth, AUTH, parseServerLimits, reply, settings, SMTPUTF8, type Extension, type Question, type Reply, type Request } from "../dist/protocol/index.js";
import { commandOf } from "./client-transcript.js";
import { octetsOf } from "./drive.js";
import { EXTENSIONS } from "./extensions.js";
import { Pair } from "./pair.js";
import { SAMPLES } from "./samples.js";

const test = suite("pair, extensions");

const ALL = [...EXTENSIONS.values()];

/** Verbs: what is said one after the other. */
const VERBS: { readonly [verb: string]: readonly (readonly string[])[] } = {
  STARTTLS: [["STARTTLS"]],
  AUTH: [["AUTH PLAIN AGEAYg=="], ["AUTH PLAIN ="], ["AUTH PLAIN", "response AGEAYg=="], ["AUTH PLAIN", "response "], ["AUTH PLAIN", `response ${"A".repeat(12_284)}`], ["AUTH PLAIN", "response *"]],
  HELP: [["HELP"], ["HELP MAIL"]],
  EXPN: [["EXPN list"], ["EXPN jürgen SMTPUTF8"]],
  XCLIENT: [["XCLIENT NAME=spike.example ADDR=192.0.2.1"], ["XCLIENT ADDR=IPV6:2001:db8::1 PORT=4711 LOGIN=ann+2Btag"], ["XCLIENT NAME=[TEMPUNAVAIL]"], ["XCLIENT ADDR=[UNAVAILABLE]"]],
  XFORWARD: [["XFORWARD NAME=spike.example ADDR=192.0.2.1 PROTO=ESMTP"], ["XFORWARD IDENT=4711 SOURCE=REMOTE", "XFORWARD HELO=spike+20example"]],
  ETRN: [["ETRN example.org"], ["ETRN @example.org"], ["ETRN #queue"]],
};

/** What an extension does besides, or instead: asserted where it is offered, and where it is not. */
const EFFECTS: { readonly [keyword: string]: (pair: Pair, offered: boolean) => void } = {
  PIPELINING: (pair, offered) => {
    for (const line of ["MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA"]) assert.ok(pair.post(command(line)));
    const step = pair.client.next();
    assert.is(step.type === "output" && new TextDecoder().decode(step.octets), offered ? "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n" : "MAIL FROM:<a@b>\r\n");
  },
  ENHANCEDSTATUSCODES: (pair, offered) => {
    said(pair, "MAIL FROM:<a@b>");
    assert.is(pair.replies.at(-1)!.enhanced, offered ? "2.1.0" : "");
  },
  LIMITS: (pair, offered) => {
    assert.equal(parseServerLimits(pair.client.offers?.get("LIMITS") ?? ""), offered ? { RCPTMAX: 1000 } : {});
  },
  CHUNKING: (pair, offered) => {
    said(pair, "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RCPT TO:<e@f>");
    if (!offered) return assert.throws(() => pair.client.chunk(octetsOf("x"), true), RangeError);
    for (const [text, last] of [["Hi.\r\n.", false], ["\r\n..\r\n", false], ["", true]] as const) {
      pair.client.chunk(octetsOf(text), last);
      pair.settle();
    }
    assert.is(bodyOf(pair), "Hi.\r\n.\r\n..\r\n");
    assert.is(pair.happened.at(-1), "message 12");
  },
  BINARYMIME: (pair, offered) => {
    assert.is(pair.post(command("MAIL FROM:<a@b> BODY=BINARYMIME")), offered);
    if (!offered) return;
    pair.settle();
    said(pair, "RCPT TO:<c@d>");
    const octets = Uint8Array.from({ length: 256 }, (_, octet) => octet);
    pair.client.chunk(octets, true);
    pair.settle();
    assert.is(bodyOf(pair), Buffer.from(octets).toString("latin1"));
  },
};

/** As the line has it, backslashes too. */
function command(line: string): Request {
  return commandOf(line.replaceAll("\\", "\\\\"));
}

/** Lines of commands, one after the other; each is read as it was said. */
function said(pair: Pair, ...lines: readonly string[]): void {
  for (const line of lines) {
    assert.ok(pair.post(command(line)), line);
    pair.settle();
  }
}

function bodyOf({ happened }: Pair): string {
  return happened.filter((each) => each.startsWith("body ")).map((each) => JSON.parse(each.slice("body ".length)) as string).join("");
}

/** With all that it needs. */
function complete(extension: Extension): Extension[] {
  return [...(extension.needs ?? []).map((keyword) => EXTENSIONS.get(keyword)!), extension];
}

/** Without it, and what needs it. */
function others(extension: Extension): Extension[] {
  return ALL.filter((each) => !complete(each).includes(extension));
}

interface Way { readonly lmtp: boolean; readonly cut: boolean; readonly secure: boolean }

function ways(secure: boolean): Way[] {
  return [false, true].flatMap((lmtp) => [false, true].map((cut) => ({ lmtp, cut, secure })));
}

/** Both ends behind the hello, and what the server's application was asked since then. */
function introduced(offered: readonly Extension[], { lmtp, ...how }: Way): { readonly pair: Pair; readonly asked: Question[] } {
  const asked: Question[] = [];
  const answer = (question: Question): Reply | undefined => {
    if (question.type !== "connect") asked.push(question); // it comes again behind XCLIENT
    if (question.type === "XCLIENT") return reply(250, "2.0.0", "Fine");
    if (question.type === "AUTH") return question.initial === undefined ? reply(334, "", "") : reply(235, "2.7.0", "Welcome");
    if (question.type === "response") return reply(235, "2.7.0", "Welcome");
    return question.type === "MAIL" ? reply(250, "2.1.0", "Fine") : question.type === "RCPT" ? reply(250, "2.1.5", "Fine") : undefined;
  };
  const extensions = offered.map((each) => (each === AUTH ? auth(() => ["PLAIN"]) : each));
  const pair = new Pair({ server: settings({ extensions, lmtp }), client: { extensions: ALL, lmtp }, answer, permitted: new Set(["XCLIENT", "XFORWARD"]), ...how });
  said(pair, `${lmtp ? "LHLO" : "EHLO"} x`);
  asked.length = 0;
  return { pair, asked };
}

interface Case { readonly extension: Extension; readonly what: string; readonly before: readonly string[]; readonly lines: readonly (readonly string[])[] }

/** Parameters with their values, and verbs, as a client says them. */
const CASES: readonly Case[] = ALL.flatMap((extension): Case[] => [
  ...(["MAIL", "RCPT"] as const).flatMap((verb) => Object.keys(extension[verb === "MAIL" ? "mail" : "rcpt"] ?? {}).map((keyword): Case => {
    const values = SAMPLES[`${verb} ${keyword}`]?.good ?? [];
    const path = verb === "MAIL" ? "MAIL FROM:<a@b>" : "RCPT TO:<c@d>";
    return { extension, what: `${verb} ${keyword}`, before: verb === "MAIL" ? [] : ["MAIL FROM:<a@b>"], lines: values.map((value) => [`${path} ${keyword}${value === undefined ? "" : `=${value}`}`]) };
  })),
  ...Object.keys(extension.verbs ?? {}).map((verb): Case => ({ extension, what: verb, before: [], lines: VERBS[verb] ?? [] })),
]);

test("there are samples of each, and each without words of its own has its effect here", () => {
  const without = CASES.filter(({ extension, lines }) => lines.length === 0 && EFFECTS[extension.keyword] === undefined);
  assert.equal(without.map(({ extension, what }) => `${extension.keyword}: ${what}`), []);
  const silent = ALL.filter(({ keyword, mail, rcpt, verbs }) => mail === undefined && rcpt === undefined && verbs === undefined && EFFECTS[keyword] === undefined);
  assert.equal(silent.map(({ keyword }) => keyword), []);
  assert.ok(ALL.length >= 20);
});

for (const { extension, what, before, lines } of CASES.filter((each) => each.lines.length > 0)) {
  const secure = what !== "STARTTLS";

  test(`${what}: what the client writes is what the server reads`, () => {
    const sets = [complete(extension), ALL];
    for (const way of ways(secure)) for (const offered of sets) for (const each of lines) {
      if (/SMTPUTF8$/.test(each[0]!) && !offered.includes(SMTPUTF8)) continue;
      const { pair, asked } = introduced(offered, way);
      said(pair, ...before, ...each);
      const expected = [...before, ...each].filter((line) => line !== "response *").map(command); // the engine answers that
      assert.equal(asked, expected, each.join());
      assert.is(pair.client.owed, 0);
      assert.is(pair.client.state, pair.server.state);
      if (what !== "STARTTLS") continue;
      pair.secured();
      assert.equal([pair.client.secure, pair.server.secure, pair.client.state, pair.server.state], [true, true, "hello", "hello"]);
      assert.not.ok(pair.post(command("MAIL FROM:<a@b>")));
    }
  });

  test(`${what}: where it is not offered, the client does not write it, and the server would not take it`, () => {
    for (const way of ways(secure)) for (const each of lines) {
      const { pair, asked } = introduced(others(extension), way);
      said(pair, ...before);
      assert.throws(() => pair.client.send(command(each[0]!)), each[0]);
      assert.match(pair.bypass(each[0]!), /^5\d\d[ -]/, each[0]);
      assert.is(asked.length, before.length);
    }
  });
}

for (const [keyword, effect] of Object.entries(EFFECTS)) {
  test(`${keyword}: what it does, and that it does not where it is not offered`, () => {
    const extension = EXTENSIONS.get(keyword)!;
    for (const way of ways(true)) {
      effect(introduced(complete(extension), way).pair, true);
      effect(introduced(ALL, way).pair, true);
      effect(introduced(others(extension), way).pair, false);
    }
  });
}

test.run();
