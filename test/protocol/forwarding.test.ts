// The attributes of XCLIENT and XFORWARD: read and written, one by one and together; what is no value; how much fits in a line.

import { isIP } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CLIENT_EXTENSIONS, DEFAULT_EXTENSIONS, forwardable, settings, UNAVAILABLE, XCLIENT, XFORWARD, xforwards, type Forwarded, type Message, type Question, type Reply, type XClient, type XForward,
} from "../../dist/protocol/index.js";
import { isReply } from "../../dist/protocol/reply.js";
import { Scan } from "../../dist/protocol/scan.js";
import { verb } from "../../dist/protocol/words.js";
import { newTerms } from "../../dist/protocol/verbs.js";
import { writeCommand } from "../../dist/protocol/write.js";
import { Drive, octetsOf } from "../drive.js";
import { Pair } from "../pair.js";
import { random } from "../splits.js";

const test = suite("forwarding");
const terms = newTerms(settings({ extensions: [XCLIENT, XFORWARD] }));

function read(line: string): XClient | XForward | Reply {
  const scan = new Scan(octetsOf(`${line}\r\n`), 0);
  return terms.grammar.rows.get(verb(scan))!.parse!(scan, terms) as XClient | XForward | Reply;
}

interface Samples {
  /** As they are written -> what they say, where it is not the same. */
  readonly good: readonly (string | readonly [xtext: string, value: string | number])[];
  /** Good ones that are written otherwise. */
  readonly also?: readonly (readonly [xtext: string, value: string | number])[];
  readonly bad: readonly string[];
}

const NO_XTEXT = ["+", "a+2", "a+2b", "a+0A", "+00", "+FF", "\u00fc"];
const TOO_LONG = "x".repeat(256);
const NONE: Pick<Samples, "also"> = { also: [["[unAvailable]", UNAVAILABLE]] };
const ADDRESS: Samples = {
  good: [
    UNAVAILABLE, "192.0.2.1", "0.0.0.0", "10.20.30.100", ["IPV6:2001:db8::1", "2001:db8::1"], ["IPV6:0db8::01", "0db8::01"],
    ["IPV6:::ffff:192.0.2.1", "::ffff:192.0.2.1"], ["IPV6:::0db8:0.0.0.0", "::0db8:0.0.0.0"],
  ],
  also: [...NONE.also!, ["ipv6:::1", "::1"]],
  bad: [
    "192.0.2.256", "192.0.2", "2001:db8::1", "001.2.3.4", "010.0.0.1", "10.00.0.1", "10.0.0.01", "10.0.0.00", "IPV6:::ffff:010.0.0.1", "IPV6:::10.0.0.01",
    "IPV6:192.0.2.1", "IPV6:", "IPV6:fe80::1%eth0", "[192.0.2.1]", "tag:x", "unknown", "localhost", "[TEMPUNAVAIL]", ...NO_XTEXT,
  ],
};
const PORT: Samples = { good: [UNAVAILABLE, ["25", 25], ["65535", 65535]], ...NONE, bad: ["0", "025", "65536", "-1", "2.5", "1e3", "smtp", "123456"] };
const TEXT: Samples = {
  good: [UNAVAILABLE, "spike.example", "[192.0.2.1]", ["a+2Bb+3Dc", "a+b=c"], "x".repeat(255), "T"],
  also: [...NONE.also!, ["a+20b", "a?b"], ["+C3+BC", "?"], ["<(a)>\"@;\\", "??a??????"]],
  bad: [TOO_LONG, ...NO_XTEXT],
};

const SAMPLES: { readonly [verb in "XCLIENT" | "XFORWARD"]: { readonly [name: string]: Samples } } = {
  XCLIENT: {
    NAME: { good: [UNAVAILABLE, "[TEMPUNAVAIL]", "spike.example", "_a-b.c", "x".repeat(255)], also: [...NONE.also!, ["[tempunavail]", "[TEMPUNAVAIL]"]], bad: ["a..b", ".a", "a.", "a b", "a+20b", "a@b", "[192.0.2.1]", "[UNAVAILABLE", TOO_LONG, ...NO_XTEXT] },
    ADDR: ADDRESS,
    PORT,
    PROTO: { good: ["SMTP", "ESMTP"], also: [["esmtp", "ESMTP"]], bad: ["LMTP", UNAVAILABLE, "SMTPS"] },
    HELO: TEXT,
    LOGIN: { good: [UNAVAILABLE, "ann@example.org", ["ann+2Btag", "ann+tag"], ["+C3+BC+20x", "\u00fc x"], "(ann)", "[ann]"], ...NONE, bad: ["a+09b", "[TEMPUNAVAIL]", "[tempunavail]", TOO_LONG, ...NO_XTEXT] },
    DESTADDR: ADDRESS,
    DESTPORT: PORT,
  },
  XFORWARD: {
    NAME: TEXT,
    ADDR: ADDRESS,
    PORT,
    PROTO: { good: [UNAVAILABLE, "SMTP", "UUCP", "x".repeat(64)], ...NONE, bad: ["x".repeat(65), ...NO_XTEXT] },
    HELO: TEXT,
    IDENT: TEXT,
    SOURCE: { good: [UNAVAILABLE, "LOCAL", "REMOTE"], also: [["local", "LOCAL"]], bad: ["HERE", "[TEMPUNAVAIL]"] },
  },
};

test("an address is one to Node as well, and what is none is none to Node", () => {
  const ipOf = (xtext: string): number => isIP(xtext.replace(/^IPV6:/i, ""));
  for (const each of ADDRESS.good.slice(1)) assert.ok(ipOf(typeof each === "string" ? each : each[0]), String(each));
  for (const each of ["001.2.3.4", "010.0.0.1", "IPV6:::ffff:010.0.0.1", "IPV6:::10.0.0.01"]) assert.is(ipOf(each), 0, each);
});

for (const [type, attributes] of Object.entries(SAMPLES) as ["XCLIENT" | "XFORWARD", typeof SAMPLES.XCLIENT][]) {
  test(`${type}: there are samples of each attribute that is offered`, () => {
    const { argument } = type === "XCLIENT" ? XCLIENT : XFORWARD;
    assert.is(argument!(terms.limits, terms), Object.keys(attributes).join(" "));
  });

  for (const [name, { good, also = [], bad }] of Object.entries(attributes)) {
    test(`${type} ${name}: what is a value is read, and written again`, () => {
      for (const each of good) {
        const [xtext, value] = typeof each === "string" ? [each, each] : each;
        const command = { type, attributes: { [name]: value } } as XClient | XForward;
        assert.equal(read(`${type} ${name}=${xtext}`), command);
        assert.equal(read(`${type.toLowerCase()}  ${name.toLowerCase()}=${xtext} `), command);
        assert.is(writeCommand(command, terms), `${type} ${name}=${xtext}\r\n`);
      }
      for (const [xtext, value] of also) {
        const command = { type, attributes: { [name]: value } };
        assert.equal(read(`${type} ${name}=${xtext}`), command);
        assert.equal(read(writeCommand(command as XClient, terms).trimEnd()), command);
      }
    });

    test(`${type} ${name}: what is none, nothing, and two are 501`, () => {
      const value = typeof good[0] === "string" ? good[0] : good[0]![0];
      for (const line of [...bad.map((each) => `${name}=${each}`), `${name}=`, name, `${name} =${value}`, `${name}=${value} ${name}=${value}`, `${name}=${value}=`, `=${value}`]) {
        const found = read(`${type} ${line}`);
        assert.ok(isReply(found) && found.code === 501, line);
      }
    });
  }

  test(`${type}: without attributes, with one that nobody knows, and with one of an object's own`, () => {
    for (const line of ["", " ", " XNAME=a", " CONSTRUCTOR=a", " __PROTO__=a", " ADDR=192.0.2.1 XNAME=a", " ADDR=192.0.2.1,PORT=25"]) {
      const found = read(`${type}${line}`);
      assert.ok(isReply(found) && found.code === 501, line);
    }
  });

  test(`${type}: the line is as long as any other (note 1)`, () => {
    const drive = new Drive(settings({ extensions: [XCLIENT, XFORWARD] }), { permitted: new Set([type]) });
    const name = "x".repeat(255);
    drive.feed("EHLO x\r\n").takeReplies();
    drive.feed(`${type} NAME=${name} HELO=${name}\r\n`);
    assert.match(drive.takeReplies(), /^500 /);
    assert.throws(() => writeCommand({ type, attributes: { NAME: name, HELO: name } }, terms), /too long/);
  });

  test(`${type}: what does not read back as it is is not written`, () => {
    for (const attributes of [{}, { NAME: "" }, { NAME: "a b" }, { NAME: "a\r\nQUIT" }, { ADDR: "IPV6:::1" }, { ADDR: "unknown" }, { PORT: "25" }, { PORT: 0 }, { XNAME: "a" }, { constructor: "a" }, { HELO: "\u00fc" }, { HELO: TOO_LONG }, { NAME: undefined }]) {
      assert.throws(() => writeCommand({ type, attributes } as unknown as XClient, terms), RangeError, JSON.stringify(attributes));
    }
  });
}

test("random lines never throw, and what is taken reads back", () => {
  const next = random(11);
  const pieces = ["NAME=", "ADDR=", "PORT=", "HELO=", "SOURCE=", "LOGIN=", " ", "+", "2B", "=", "a", "1.2.3.4", "IPV6:", "::1", "[", "]", "UNAVAILABLE", "\u00e4", "\t", "\u0000", "25"];
  let taken = 0;
  for (let run = 0; run < 20_000; run++) {
    const found = read(`${next(2) === 0 ? "XCLIENT" : "XFORWARD"} ${Array.from({ length: next(8) }, () => pieces[next(pieces.length)]).join("")}`);
    if (isReply(found)) continue;
    taken += 1;
    assert.equal(read(writeCommand(found, terms).trimEnd()), found);
  }
  assert.ok(taken > 100, `${taken}`);
});

const ALL: Forwarded = { NAME: "spike.example", ADDR: "2001:db8::1", PORT: 4711, PROTO: "ESMTPS", HELO: "x", IDENT: "4711", SOURCE: "REMOTE" };
const NAMES = Object.keys(ALL).join(" ");

test("what is told of a message is of those attributes that the server knows, in lines that are short enough", () => {
  const lines = (forwarded: Forwarded, offered: string): string[] => xforwards(forwarded, offered).map((each) => writeCommand(each, terms).trimEnd());
  assert.equal(lines(ALL, NAMES), ["XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::1 PORT=4711", "XFORWARD PROTO=ESMTPS HELO=x", "XFORWARD IDENT=4711 SOURCE=REMOTE"]);
  assert.equal(lines(ALL, "helo xthing Name ADDR"), ["XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::1", "XFORWARD HELO=x"]);
  assert.equal([lines(ALL, ""), lines({}, NAMES)], [[], []]);
  const longest = "+".repeat(85);
  assert.is(lines({ NAME: longest, ADDR: "1111:".repeat(7) + "1111", PORT: 65535, PROTO: "x".repeat(64), HELO: longest, IDENT: longest, SOURCE: UNAVAILABLE }, NAMES).length, 3);
});

test("a text that comes from a client, as a value", () => {
  assert.equal([undefined, "", "spike.example", "a b\u00fc\u{1f600}(c)", "a+b=c", "x".repeat(255), "x".repeat(256), "+".repeat(85), "+".repeat(86)].map(forwardable), [
    UNAVAILABLE, UNAVAILABLE, "spike.example", "a?b????c?", "a+b=c", "x".repeat(255), UNAVAILABLE, "+".repeat(85), UNAVAILABLE,
  ]);
});

test("MAIL has what was told in front of it, and the next one has not; nor has one behind RSET or EHLO", () => {
  const told: (Forwarded | undefined)[] = [];
  let refuse = false;
  const answer = (question: Question): Reply | undefined => {
    if (question.type === "MAIL" || question.type === "message") told.push((question.type === "MAIL" ? question : (question as Message).mail).forwarded);
    return refuse && question.type === "MAIL" ? { code: 450, enhanced: "", lines: ["Later"], clause: "" } : undefined;
  };
  const pair = new Pair({
    server: settings({ extensions: [...DEFAULT_EXTENSIONS, XFORWARD] }), client: { extensions: [...CLIENT_EXTENSIONS, XFORWARD] }, answer, permitted: new Set(["XFORWARD"]),
  });
  const path = { sourceRoute: [], localPart: "c", domain: "d" };
  const mail = { type: "MAIL", reversePath: null, parameters: {} } as const;
  const say = (...commands: readonly Parameters<Pair["post"]>[0][]): void => {
    for (const command of commands) assert.ok(pair.post(command), command.type);
    pair.settle();
  };
  const forward = xforwards(ALL, NAMES);
  say({ type: "EHLO", domain: "x" });
  refuse = true;
  say(...forward.slice(0, 2), { ...mail, forwarded: { NAME: "not on this line" } });
  refuse = false;
  say(forward[2]!, mail, { type: "RCPT", forwardPath: path, parameters: {} }, { type: "DATA" });
  pair.deliver(octetsOf("x\r\n"));
  say(mail, { type: "RSET" });
  say(...forward, { type: "RSET" }, mail, { type: "RSET" });
  say(...forward, { type: "EHLO", domain: "x" });
  say(mail);
  const { IDENT: _, SOURCE: __, ...some } = ALL;
  assert.equal(told, [some, ALL, ALL, undefined, undefined, undefined]);
});

test.run();
