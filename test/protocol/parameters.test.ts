// Every parameter of every extension, from the composed tables: on its own command and no other, with and without its extension
// offered, with a bad, missing and repeated value; written by one end and read by the other.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CLIENT_EXTENSIONS, compose, DEFAULT_EXTENSIONS, DELIVER_BY, deliverBy, DSN, ETRN, formatCommand, formatXtext, FUTURE_RELEASE, futureRelease, MT_PRIORITY, mtPriority,
  NO_SOLICITING, noSoliciting, parseBy, parseRrvs, parseServerLimits, parseSubmitter, parseXtext, relayed, reply, REQUIRE_TLS, RRVS, SERVER_LIMITS, serverLimits,
  settings, type Extension, type Mail, type Offers, type Question, type Rcpt, type Reply, type Settings, type Terms,
} from "../../dist/protocol/index.js";
import { dateTime } from "../../dist/protocol/date-time.js";
import { isReply } from "../../dist/protocol/reply.js";
import { Scan } from "../../dist/protocol/scan.js";
import { verb } from "../../dist/protocol/words.js";
import { newTerms } from "../../dist/protocol/verbs.js";
import { writeCommand } from "../../dist/protocol/write.js";
import { Drive, octetsOf } from "../drive.js";
import { EXTENSIONS } from "../extensions.js";
import { Pair } from "../pair.js";
import { SAMPLES, type Samples } from "../samples.js";
import { random } from "../splits.js";

const test = suite("parameters");

const all = settings({ extensions: [...EXTENSIONS.values()] });

type Which = "MAIL" | "RCPT";
interface Case { readonly which: Which; readonly keyword: string; readonly extension: Extension; readonly samples: Samples }

const cases: Case[] = [...EXTENSIONS.values()].flatMap((extension) => (["MAIL", "RCPT"] as const).flatMap((which) =>
  Object.keys(extension[which === "MAIL" ? "mail" : "rcpt"] ?? {}).map((keyword) => ({ which, keyword, extension, samples: SAMPLES[`${which} ${keyword}`]! }))));

/** What both ends know in a session under TLS, behind this hello. */
function terms(of: Settings, hello: "EHLO" | "HELO" = "EHLO"): Terms {
  return { ...newTerms(of, { secure: true }), hello: { type: hello, domain: "x" } };
}

function read(which: Which, parameters: string, of: Terms = terms(all)): Mail | Rcpt | Reply {
  const scan = new Scan(octetsOf(`${which} ${which === "MAIL" ? "FROM" : "TO"}:<a@b>${parameters}\r\n`), 0);
  verb(scan);
  return of.grammar.rows.get(which)!.parse!(scan, of) as Mail | Rcpt | Reply;
}

/** The code of the refusal; undefined where there is none. */
function refusal(which: Which, parameters: string, of?: Terms): number | undefined {
  const found = read(which, parameters, of);
  return isReply(found) ? found.code : undefined;
}

function written(keyword: string, value: string | undefined): string {
  return ` ${keyword}${value === undefined ? "" : `=${value}`}`;
}

test("there are samples of each", () => {
  assert.equal(cases.filter(({ samples }) => samples === undefined).map(({ which, keyword }) => `${which} ${keyword}`), []);
  assert.ok(cases.length >= Object.keys(SAMPLES).length);
});

for (const { which, keyword, extension, samples } of cases) {
  const { good, bad } = samples;
  const other = which === "MAIL" ? "RCPT" : "MAIL";

  test(`${which} ${keyword}: good values are read, and written again as they were, in any case`, () => {
    for (const value of good) {
      const command = read(which, written(keyword, value));
      assert.not.ok(isReply(command), `${value}`);
      assert.is(formatCommand(command as Mail, all.grammar), `${which} ${which === "MAIL" ? "FROM" : "TO"}:<a@b>${written(keyword, value)}`);
      assert.equal(read(which, written(keyword.toLowerCase(), value)), command);
      assert.is(writeCommand(command as Mail, terms(all)), `${formatCommand(command as Mail, all.grammar)}\r\n`);
    }
  });

  test(`${which} ${keyword}: bad values, none, and two are 501`, () => {
    for (const value of [...bad, ""]) assert.is(refusal(which, written(keyword, value)), 501, `${value}`);
    assert.is(refusal(which, written(keyword, good[0]).repeat(2)), 501);
  });

  test(`${which} ${keyword}: 555 on ${other}, behind HELO, and where it is not offered`, () => {
    const without = settings({ extensions: [...EXTENSIONS.values()].filter((each) => each !== extension && each.needs?.includes(extension.keyword) !== true) });
    assert.is(refusal(other, written(keyword, good[0])), 555);
    assert.is(refusal(which, written(keyword, good[0]), terms(all, "HELO")), 555);
    assert.is(refusal(which, written(keyword, good[0]), terms(without)), 555);
    assert.throws(() => writeCommand(read(which, written(keyword, good[0])) as Mail, terms(without)), RangeError);
  });
}

test("the line is as long as the RFCs say", () => {
  const lengthened = Object.fromEntries([...EXTENSIONS.values()].map(({ keyword, lineOctets }) => [keyword, lineOctets]));
  const { DSN, REQUIRETLS, DELIVERBY, FUTURERELEASE, RRVS } = lengthened;
  assert.equal([DSN, REQUIRETLS, DELIVERBY, FUTURERELEASE, RRVS], [{ MAIL: 110, RCPT: 530 }, { MAIL: 11 }, { MAIL: 17 }, { MAIL: 34 }, { RCPT: 33 }]);
  for (const { which, keyword, extension, samples } of cases) {
    const longest = Math.max(...samples.good.map((value) => written(keyword, value).length));
    assert.ok(longest <= extension.lineOctets![which]! + (keyword === "SOLICIT" ? 2 : 0), `${keyword}: ${longest}`); // RFC 3865 §4.1 counts two too few
  }
});

test("from one engine to the other, all parameters at once", () => {
  const parameters = { BODY: "8BITMIME", SIZE: 12, RET: "HDRS", ENVID: "QQ+2B1", "MT-PRIORITY": -3, BY: "120;RT", HOLDFOR: 100, SOLICIT: "org.example:ADV" } as const;
  const mail: Mail = { type: "MAIL", reversePath: null, parameters };
  const rcpt: Rcpt = { type: "RCPT", forwardPath: { sourceRoute: [], localPart: "c", domain: "d" }, parameters: { NOTIFY: "SUCCESS,DELAY", ORCPT: "rfc822;C@d", RRVS: "2014-04-03T23:01:00Z;C" } };
  const asked: Question[] = [];
  const ours = [DSN, MT_PRIORITY, DELIVER_BY, FUTURE_RELEASE, NO_SOLICITING, RRVS];
  for (const cut of [false, true]) {
    asked.length = 0;
    const answer = (question: Question): Reply | undefined => (asked.push(question), question.type === "MAIL" || question.type === "RCPT" ? reply(250, "", "Fine") : undefined);
    const pair = new Pair({ server: settings({ extensions: [...DEFAULT_EXTENSIONS, ...ours] }), client: { extensions: [...CLIENT_EXTENSIONS, ...ours] }, answer, cut });
    for (const command of [{ type: "EHLO", domain: "x" }, mail, rcpt] as const) {
      assert.ok(pair.post(command));
      pair.settle();
    }
    assert.equal(asked.slice(-2), [mail, rcpt]);
    assert.is(pair.client.state, pair.server.state);
  }
});

test("a parameter that asks somebody to act is no promise where nobody answers", () => {
  const drive = new Drive(settings({ extensions: [DSN, DELIVER_BY, FUTURE_RELEASE, MT_PRIORITY, RRVS] }));
  drive.feed("EHLO x\r\n").takeReplies();
  const said = (line: string): string => (drive.feed(`${line}\r\n`), drive.takeReplies().slice(0, 3));
  assert.equal(["MAIL FROM:<> BY=1;N", "MAIL FROM:<> HOLDFOR=1", "MAIL FROM:<> HOLDUNTIL=2030-01-01T00:00:00Z", "MAIL FROM:<> RET=FULL MT-PRIORITY=0", "RCPT TO:<a@b> NOTIFY=NEVER RRVS=2014-04-03T23:01:00Z", "RCPT TO:<a@b> NOTIFY=NEVER"].map(said), ["555", "555", "555", "250", "550", "250"]);
});

test("what is offered changes while an answer is owed: the parameters of old ask for nothing", () => {
  const drive = new Drive(settings({ extensions: [DELIVER_BY] }), { slow: true });
  drive.answer().feed("EHLO x\r\n").answer().feed("MAIL FROM:<> BY=1;N\r\n");
  drive.server.offer(settings({ extensions: [] }));
  drive.answer();
  assert.match(drive.replies, /250 Sender OK\r\n$/);
});

test("REQUIRETLS is offered, and known, under TLS alone", () => {
  const of = settings({ extensions: [REQUIRE_TLS] });
  const plain = { ...terms(of), secure: false };
  const offered = (of: Terms): number => of.grammar.rows.get("EHLO")!.ok({ type: "EHLO" }, of).lines.length;
  assert.equal([offered(terms(of)), offered(plain)], [2, 1]);
  assert.is(refusal("MAIL", " REQUIRETLS", plain), 555);
  assert.throws(() => writeCommand({ type: "MAIL", reversePath: null, parameters: { REQUIRETLS: true } }, plain), RangeError);
});

test("UTF-8 in ORCPT: for itself with SMTPUTF8 offered and type utf-8, and not otherwise (RFC 6533 §3); as xtext with any type", () => {
  assert.is(refusal("RCPT", " ORCPT=rfc822;+E7+94+A8@+E4+BE+8B.example"), undefined); // as Postfix has it
  assert.is(refusal("RCPT", " ORCPT=rfc822;+E7+94@example.com"), 501);
  assert.is(refusal("RCPT", " ORCPT=utf-8;jürgen@exämple.com"), undefined);
  assert.is(refusal("RCPT", " ORCPT=UTF-8;jürgen@exämple.com"), undefined);
  assert.is(refusal("RCPT", " ORCPT=utf-8;\u0085"), 501);
  assert.is(refusal("RCPT", " ORCPT=rfc822;jürgen@exämple.com"), 501);
  assert.is(refusal("RCPT", " ORCPT=utf-8;jürgen@exämple.com", terms(settings({ extensions: [DSN] }))), 501);
  assert.is(refusal("MAIL", " ENVID=ü"), 501);
});

test("parameters together: HOLDFOR and HOLDUNTIL, HOLDFOR and BY", () => {
  for (const [parameters, code] of [
    [" HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z", 501], [" HOLDUNTIL=2030-01-01T00:00:00Z HOLDFOR=1", 501],
    [" HOLDFOR=61 BY=60;R", 501], [" BY=60;NT HOLDFOR=61", 501], [" HOLDFOR=60 BY=60;R", undefined], [" HOLDUNTIL=2030-01-01T00:00:00Z BY=1;N", undefined],
  ] as const) assert.is(refusal("MAIL", parameters), code, parameters);
});

test("xtext", () => {
  assert.equal(["", "abc", "+2B+3D+20", "+C3+BC", "a+09b"].map(parseXtext), ["", "abc", "+= ", "ü", "a\tb"]);
  assert.equal(["+", "+2", "+2b", "=", " ", "ü", "+FF", "+00", "+0A", "+7F", "+C2+85"].map(parseXtext), Array(11).fill(undefined));
  assert.is(formatXtext("a+b=c d\tü~!"), "a+2Bb+3Dc+20d+09+C3+BC~!");
  for (let octet = 0x20; octet < 0x7f; octet++) assert.is(parseXtext(formatXtext(String.fromCharCode(octet))), String.fromCharCode(octet));
});

test("AUTH= on MAIL (RFC 4954 §5)", () => {
  assert.equal(parseSubmitter("e+3Dmc2@example.com"), { sourceRoute: [], localPart: "e=mc2", domain: "example.com" });
  assert.equal(parseSubmitter("e+3dmc2@example.com"), parseSubmitter("e+3Dmc2@example.com"));
  assert.is(parseSubmitter("<>"), null);
  assert.is(parseSubmitter("+3C+3E"), null);
  for (const none of ["", "nobody", "<a@b>", "a@b,c@d", "a@b+0D+0A", "a@b+20", "+", "a@b@c"]) assert.is(parseSubmitter(none), undefined, none);
});

test("values for those who read them", () => {
  assert.equal([parseBy("120;R"), parseBy("-5;NT"), parseBy("+7;N")], [{ seconds: 120, mode: "R", trace: false }, { seconds: -5, mode: "N", trace: true }, { seconds: 7, mode: "N", trace: false }]);
  assert.equal([parseRrvs("2014-04-03T23:01:00Z"), parseRrvs("2014-04-03T23:01:00Z;C")], [{ since: "2014-04-03T23:01:00Z", otherwise: "R" }, { since: "2014-04-03T23:01:00Z", otherwise: "C" }]);
  assert.is(dateTime("2014-04-03T23:01:00.5+01:00")?.fraction, true);
});

test("LIMITS: what a server says is read; what is not understood is left out, or all of it (RFC 9422 §3.7)", () => {
  assert.equal(parseServerLimits("RCPTMAX=20 MAILMAX=5"), { RCPTMAX: 20, MAILMAX: 5 });
  assert.equal(parseServerLimits("rcptdomainmax=1 RCPTMAX=0 MAILMAX=1000000 X-Y=a;b"), {});
  assert.equal(parseServerLimits("RCPTDOMAINMAX=1 RCPTMAX MAILMAX=x X_Y=z __PROTO__=1"), { RCPTDOMAINMAX: 1 });
  assert.equal(["", "RCPTMAX=1  MAILMAX=1", "RCPTMAX=1 =", "RCPTMAX=1;2"].map(parseServerLimits), [{}, {}, {}, {}]);
  assert.is(serverLimits({ MAILMAX: 5, RCPTDOMAINMAX: 2_000_000 }).argument!(all.limits, terms(all)), "RCPTMAX=1000 MAILMAX=5 RCPTDOMAINMAX=999999");
  assert.is(SERVER_LIMITS.endToEnd, undefined);
});

test("a relay offers these where its next hop does, in its words and within its limits", () => {
  const known = [DSN, REQUIRE_TLS, deliverBy(60), futureRelease(86400, "2030-01-01T00:00:00Z"), mtPriority(), RRVS, noSoliciting("com.example:A"), serverLimits(), ETRN];
  const offered = (offers: [string, string][]): string[] => {
    const of = relayed(settings({ extensions: known }), new Map(offers) as Offers);
    return terms(of).grammar.rows.get("EHLO")!.ok({ type: "EHLO" }, terms(of)).lines.slice(1) as string[];
  };
  assert.equal(offered([]), ["LIMITS RCPTMAX=1000", "ETRN"]);
  assert.equal(
    offered([["DSN", ""], ["REQUIRETLS", ""], ["DELIVERBY", "240,MORE"], ["FUTURERELEASE", "3600 2029-01-01t00:00:00z"], ["MT-PRIORITY", "MIXER"], ["RRVS", ""], ["NO-SOLICITING", "net.example:ADV,com.example:A"], ["LIMITS", "RCPTMAX=5"]]),
    ["DSN", "REQUIRETLS", "DELIVERBY 240", "FUTURERELEASE 3600 2029-01-01T00:00:00Z", "MT-PRIORITY MIXER", "RRVS", "NO-SOLICITING com.example:A,net.example:ADV", "LIMITS RCPTMAX=1000", "ETRN"],
  );
  const odd = ["DELIVERBY 60", "FUTURERELEASE 86400 2030-01-01T00:00:00Z", "MT-PRIORITY", "NO-SOLICITING com.example:A", "LIMITS RCPTMAX=1000", "ETRN"];
  assert.equal(offered([["DELIVERBY", "soon"], ["FUTURERELEASE", `999999999 ${"9".repeat(2000)}`], ["MT-PRIORITY", "no policy"], ["NO-SOLICITING", "x".repeat(490)]]), odd);
  assert.equal(offered([["DELIVERBY", ""], ["FUTURERELEASE", ""], ["MT-PRIORITY", ""], ["NO-SOLICITING", ""]]), odd);
  assert.equal(offered([["DELIVERBY", "30"], ["FUTURERELEASE", "86401 2031-01-01T00:00:00Z"]]).slice(0, 2), odd.slice(0, 2));
  assert.is(DELIVER_BY.narrowed!("30").argument!(all.limits, terms(all)), "30");
});

test("what cannot be offered", () => {
  for (const make of [() => deliverBy(-1), () => deliverBy(1e9), () => futureRelease(0), () => futureRelease(1, "tomorrow"), () => mtPriority("no policy"), () => mtPriority(""), () => noSoliciting("1"), () => noSoliciting("x".repeat(500))]) assert.throws(make, RangeError);
});

test("an extension's check may be of the application", () => {
  const of = settings({ extensions: [{ keyword: "XC", mail: { XC: { parse: () => true } }, check: ({ XC, BODY }) => (XC !== undefined && BODY === undefined ? reply(501, "", "XC needs BODY") : undefined) }, EXTENSIONS.get("8BITMIME")!] });
  assert.equal([" XC", " XC BODY=7BIT", " BODY=7BIT", ""].map((parameters) => refusal("MAIL", parameters, terms(of))), [501, undefined, undefined, undefined]);
  assert.equal(compose([]).checks, []);
});

test("ETRN is written as it is read, and nothing else is", () => {
  const of = terms(settings({ extensions: [ETRN] }));
  for (const command of [{ type: "ETRN", option: "", name: "bar.com" }, { type: "ETRN", option: "@", name: "bar.com" }, { type: "ETRN", option: "#", name: "uu.cp@x" }] as const) {
    assert.is(writeCommand(command, of), `ETRN ${command.option}${command.name}\r\n`);
  }
  for (const name of ["", "-", "a b", "a..b", "bär.com", "a\r\nQUIT", "@x"]) assert.throws(() => writeCommand({ type: "ETRN", option: "@", name }, of), RangeError);
  assert.throws(() => writeCommand({ type: "ETRN", option: "", name: "#x" }, of), RangeError);
});

test("random values never throw, and what is taken reads back", () => {
  const alphabet = "0123456789+-;:,.TZRNC=aäF ";
  const next = random(5);
  for (let run = 0; run < 20_000; run++) {
    const { which, keyword } = cases[next(cases.length)]!;
    const value = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join("");
    const found = read(which, ` ${keyword}=${value}`);
    if (!isReply(found)) assert.equal(read(which, formatCommand(found as Mail, all.grammar).slice(`${which} ${which === "MAIL" ? "FROM" : "TO"}:<a@b>`.length)), found);
  }
});

test.run();
