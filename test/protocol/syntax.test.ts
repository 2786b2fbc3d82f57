// The grammar of RFC 5321 §4.1.2 and §4.1.3, as lists of what is one and what is not.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatMailbox, formatPath } from "../../dist/protocol/index.js";
import { FAIL, Scan, type Rule } from "../../dist/protocol/scan.js";
import { addressLiteral, domain, forwardPath, mailbox, reversePath } from "../../dist/protocol/syntax.js";
import { verb } from "../../dist/protocol/words.js";
import { octetsOf } from "../drive.js";
import { random } from "../splits.js";

const test = suite("syntax");

function scan(text: string): Scan {
  return new Scan(octetsOf(`${text}\r\n`), 0);
}

/** Whether a rule matches all of a text. */
function matches(rule: Rule, text: string): boolean {
  return rule(octetsOf(`${text}\r\n`), 0) === octetsOf(text).length;
}

test("domains", () => {
  for (const text of ["a", "a.b", "foo.com", "x-y.z", "1.2", "3com.com", "xn--bcher-kva.example", "a--b.c", "bücher.example", "例子.广告"]) {
    assert.ok(matches(domain, text), text);
  }
  for (const text of ["", ".", ".a", "a.", "a..b", "-a", "a-", "a.-b", "a-.b", "a_b", "a b", "[1.2.3.4]", "a,b"]) {
    assert.not.ok(matches(domain, text), text);
  }
});

test("address literals", () => {
  const groups = (count: number): string => Array(count).fill("ab").join(":");
  const good = [
    "1.2.3.4", "255.255.255.255", "0.0.0.0", "001.002.003.004", "IPv6:::", "IPv6:::1", "ipv6:1::", "IPv6:1::8", `IPv6:${groups(8)}`,
    `IPv6:${groups(6)}::`, `IPv6:::${groups(6)}`, `IPv6:${groups(3)}::${groups(3)}`, "IPv6:::1.2.3.4", "IPv6:::ffff:1.2.3.4",
    `IPv6:${groups(6)}:1.2.3.4`, `IPv6:${groups(4)}::1.2.3.4`, `IPv6:${groups(2)}::${groups(2)}:1.2.3.4`, "X400:c=us;a=x", "tag-1:!", "-tag:x", "1x:y",
  ];
  for (const text of good) assert.ok(matches(addressLiteral, `[${text}]`), text);
  const bad = [
    "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.0004", "1..2.3", "1.2.3.", "IPv6:", "IPv6::", "IPv6:1", `IPv6:${groups(7)}`, `IPv6:${groups(9)}`,
    `IPv6:${groups(7)}::`, `IPv6:::${groups(7)}`, "IPv6:1::2::3", "IPv6::::", "IPv6:12345::", "IPv6:g::", "IPv6:1:2:", "IPv6::1:2", "IPv6:1::2:",
    `IPv6:${groups(5)}:1.2.3.4`, `IPv6:${groups(7)}:1.2.3.4`, `IPv6:${groups(5)}::1.2.3.4`, "IPv6:::1.2.3", "IPv6:::300.1.1.1", "IPv6:1.2.3.4",
    "tag", "tag:", "tag-:x", "tag:a b", "tag:a]b", "tag:a\\b", "tag:a[b", "ü:x",
  ];
  for (const text of bad) assert.not.ok(matches(addressLiteral, `[${text}]`), text);
  assert.not.ok(matches(addressLiteral, "[1.2.3.4"), "unclosed");
});

test("mailboxes", () => {
  const good = [
    "a@b", "a.b.c@d.e", "!#$%&'*+-/=?^_`{|}~@x", `""@x`, `"a b"@x`, `"\\""@x`, `"\\\\"@x`, `"@"@x`, `">"@x`, "a@[1.2.3.4]", "a@[IPv6:::1]", "ü@ü.de", `"ü"@x`,
  ];
  for (const text of good) {
    const found = mailbox(scan(text));
    assert.is(found && formatMailbox(found), text);
  }
  const bad = ["", "@", "a", "a@", "@b", ".a@b", "a.@b", "a..b@c", "a b@c", "a,b@c", "(a)@b", `"a@b`, `"a"b@c`, `a"b"@c`, `"\\`, `"a\tb"@c`, `"\\\t"@c`, "a@b@c", "a@[", "a@[]"];
  for (const text of bad) {
    const line = scan(text);
    assert.not.ok(mailbox(line) !== undefined && line.atEnd, text);
  }
});

test("text that is not UTF-8 is no local part", () => {
  for (const octets of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    assert.is(mailbox(new Scan(Uint8Array.from([0x61, ...octets, ...octetsOf("@b\r\n")]), 0)), undefined);
  }
});

test("paths come apart and together again", () => {
  const paths = ["<a@b>", "<@x:a@b>", "<@x,@y.z:\"q q\"@[1.2.3.4]>", "<Postmaster>", "<pOSTmaster>", "<postmaster@b>"];
  for (const text of paths) assert.is(formatPath(forwardPath(scan(text))!), text);
  assert.equal(forwardPath(scan("<@x,@y.z:a@b>")), { sourceRoute: ["x", "y.z"], localPart: "a", domain: "b" });
  assert.is(reversePath(scan("<>")), null);
  assert.is(formatPath(null), "<>");
  assert.is(formatPath(reversePath(scan("<@x:a@b>"))!), "<@x:a@b>");
  for (const text of ["", "<", ">", "<>", "<a>", "< a@b>", "<a@b >", "<@:a@b>", "<@x a@b>", "<@x,:a@b>", "<@x,y:a@b>", "<postmaster", "<postmasters>"]) {
    assert.is(forwardPath(scan(text)), undefined, text);
  }
  assert.is(reversePath(scan("<postmaster>")), undefined);
});

test("verbs", () => {
  assert.is(verb(scan("mail FROM:<>")), "MAIL");
  assert.is(verb(scan("X-y\tz")), "X-Y");
  for (const text of ["", " NOOP", "NOOP\0", "MAIL:", "ÄHLO", "NOO\xffP"]) assert.is(verb(scan(text)), "", text);
});

test("no rule reads behind the line's end, whatever stands there", () => {
  const next = random(1);
  const alphabet = octetsOf("aA0-.@<>[]\":\\,=(IPv6 \t\r\n\0\xff");
  for (let run = 0; run < 20_000; run++) {
    const line = Uint8Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]!).filter((octet) => octet !== 13 && octet !== 10);
    const octets = Uint8Array.from([...line, 13, 10, ...octetsOf("x@y>:1")]);
    for (const parse of [reversePath, forwardPath, mailbox, verb]) {
      const at = new Scan(octets, 0);
      parse(at);
      assert.ok(at.at <= line.length, JSON.stringify(String.fromCharCode(...line)));
    }
    for (const rule of [domain, addressLiteral]) {
      const to = rule(octets, 0);
      assert.ok(to === FAIL || (to > 0 && to <= line.length));
    }
  }
});

test.run();
