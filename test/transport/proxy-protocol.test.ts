// The PROXY protocol: every header that is one, at every split; and what is none.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatProxyHeader, PROXY_LIMITS, ProxyReader, type ProxyAddresses, type ProxyStep } from "../../dist/transport/index.js";
import { random, splits } from "../splits.js";

const test = suite("PROXY protocol");

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const CLIENT = Buffer.from("EHLO client.example\r\n");

function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ""), "hex");
}

/** Reads segments until something comes of it; how many octets the header has, in all. */
function read(segments: readonly Uint8Array[]): { step: ProxyStep; consumed: number } {
  const reader = new ProxyReader();
  let before = 0;
  for (const segment of segments) {
    const lent = Uint8Array.from(segment);
    const step = reader.receive(lent);
    if (step.type === "header") assert.ok(step.consumed > 0 && step.consumed <= segment.length, "its end is in this segment");
    if (step.type !== "need-input") return { step, consumed: step.type === "header" ? before + step.consumed : -1 };
    lent.fill(0xff); // what was lent is given back
    before += segment.length;
  }
  return { step: { type: "need-input" }, consumed: -1 };
}

/** One answer, however it is split, with and without something behind it. */
function everywhere(octets: Uint8Array, expected: ProxyAddresses | "malformed" | "need-input", what: string): void {
  for (const behind of [Buffer.alloc(0), CLIENT]) {
    if (expected === "need-input" && behind.length > 0) continue;
    for (const segments of splits(Buffer.concat([octets, behind]))) {
      const { step, consumed } = read(segments);
      if (typeof expected === "string") {
        assert.is(step.type, expected, what);
      } else {
        assert.equal(step, { type: "header", consumed: (step as { consumed: number }).consumed, ...expected }, what);
        assert.is(consumed, octets.length, what);
      }
    }
  }
}

const V1: readonly (readonly [line: string, addresses: ProxyAddresses])[] = [
  ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", { source: ["192.168.0.1", 56324], destination: ["192.168.0.11", 443] }], // §2.1
  ["PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", { source: ["255.255.255.255", 65535], destination: ["255.255.255.255", 65535] }],
  ["PROXY TCP4 0.0.0.0 1.2.3.4 0 0", { source: ["0.0.0.0", 0], destination: ["1.2.3.4", 0] }],
  ["PROXY TCP6 2001:DB8:0:0:0:0:0:1 2001:db8::2 1 25", { source: ["2001:db8::1", 1], destination: ["2001:db8::2", 25] }],
  [`PROXY TCP6 ${Array(8).fill("ffff").join(":")} ${Array(8).fill("fffe").join(":")} 65535 65535`, { source: [Array(8).fill("ffff").join(":"), 65535], destination: [Array(8).fill("fffe").join(":"), 65535] }],
  ["PROXY TCP6 ::1 :: 1 2", { source: ["::1", 1], destination: ["::", 2] }],
  ["PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c000:0202 1 2", { source: ["192.0.2.1", 1], destination: ["192.0.2.2", 2] }], // as inet_ntop writes it
  ["PROXY UNKNOWN", {}],
  ["PROXY UNKNOWN ", {}],
  [`PROXY UNKNOWN ${Array(8).fill("ffff").join(":")} ${Array(8).fill("ffff").join(":")} 65535 65535`, {}], // 107 octets, the worst case of §2.1
  ["PROXY UNKNOWN \x00 what\xff ever", {}],
];

for (const [line, addresses] of V1) {
  test(`version 1: ${JSON.stringify(line)}`, () => everywhere(Buffer.from(`${line}\r\n`, "latin1"), addresses, line));
}

const ADDRESSES = "192.0.2.1 192.0.2.2";
for (const line of [
  "proxy TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY", "PROXY ", "PROXYTCP4", "PROXY TCP4", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2",
  "PROXY tcp4 1.2.3.4 1.2.3.4 1 2", "PROXY unknown", "PROXY UNKNOWN\t", "PROXY UNKNOWNS", "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2", ` PROXY TCP4 ${ADDRESSES} 1 2`,
  `PROXY TCP4 ${ADDRESSES} 1`, `PROXY TCP4 ${ADDRESSES} 1 2 `, `PROXY TCP4 ${ADDRESSES} 1 2 3`, `PROXY TCP4 ${ADDRESSES}  1 2`, `PROXY TCP4 ${ADDRESSES} 01 2`, `PROXY TCP4 ${ADDRESSES} 1 00`,
  `PROXY TCP4 ${ADDRESSES} 65536 2`, `PROXY TCP4 ${ADDRESSES} 1 100000`, `PROXY TCP4 ${ADDRESSES} -1 2`, `PROXY TCP4 ${ADDRESSES} +1 2`, `PROXY TCP4 ${ADDRESSES} 1.0 2`, `PROXY TCP4 ${ADDRESSES} 0x1 2`, `PROXY TCP4 ${ADDRESSES} 1e1 2`,
  "PROXY TCP4 01.2.3.4 1.2.3.4 1 2", "PROXY TCP4 1.2.3 1.2.3.4 1 2", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2", "PROXY TCP4 1.2.3.4 1.2.3.4.5 1 2", "PROXY TCP4 ::1 ::1 1 2", "PROXY TCP4 localhost 1.2.3.4 1 2",
  "PROXY TCP6 1.2.3.4 1.2.3.4 1 2", "PROXY TCP6 ::1 1.2.3.4 1 2", "PROXY TCP6 :::1 ::1 1 2", "PROXY TCP6 1::2::3 ::1 1 2", "PROXY TCP6 12345:: ::1 1 2", "PROXY TCP6 fe80::1%lo ::1 1 2", "PROXY TCP6 [::1] ::1 1 2", "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2",
  `PROXY TCP4 ${ADDRESSES} 1 2\n`, `PROXY TCP4 ${ADDRESSES} 1 2\r`, `PROXY TCP4\n${ADDRESSES} 1 2`, `PROXY UNKNOWN a\nb`, `PROXY UNKNOWN a\rb`, `PROXY TCP4 ${ADDRESSES} 1 \x002`, "EHLO client.example", "GET / HTTP/1.1", "\n", "PROXX", "PROXY UNKNOWN \r",
]) {
  test(`no header of version 1: ${JSON.stringify(line)}`, () => everywhere(Buffer.from(`${line}\r\n`, "latin1"), "malformed", line));
}

test("a line of 107 octets is one, of 108 none, and that is known with the 107th", () => {
  const line = (length: number): Buffer => Buffer.from(`PROXY UNKNOWN ${"x".repeat(length - 16)}\r\n`);
  assert.is(line(107).length, PROXY_LIMITS.v1Octets);
  everywhere(line(107), {}, "107");
  everywhere(line(108), "malformed", "108");
  everywhere(line(108).subarray(0, 106), "need-input", "106 of 108");
  everywhere(line(108).subarray(0, 107), "malformed", "107 of 108");
});

const V4 = "c0000201 cb007109 dc04 0019"; // 192.0.2.1:56324 to 203.0.113.9:25
const V6 = `20010db8000000000000000000000001 ${"0".repeat(31)}1 dc04 0019`;
const UNIX = (text: string): string => Buffer.concat([Buffer.from(text)], 108).toString("hex");
const V4_ADDRESSES: ProxyAddresses = { source: ["192.0.2.1", 56324], destination: ["203.0.113.9", 25] };

const V2: readonly (readonly [what: string, octets: string, addresses: ProxyAddresses])[] = [
  ["TCP over IPv4", `21 11 000c ${V4}`, V4_ADDRESSES],
  ["with TLVs behind the addresses", `21 11 0018 ${V4} 04 0002 0000 02 0004 61626364`, V4_ADDRESSES],
  ["with what is no TLV behind them", `21 11 000d ${V4} ff`, V4_ADDRESSES],
  ["TCP over IPv6", `21 21 0024 ${V6}`, { source: ["2001:db8::1", 56324], destination: ["::1", 25] }],
  ["IPv4 within IPv6", `21 21 0024 00000000000000000000ffffc0000201 00000000000000000000ffffcb007109 dc04 0019`, V4_ADDRESSES],
  ["unix sockets", `21 31 00d8 ${UNIX("/run/from")} ${UNIX("/run/to")}`, { source: "/run/from", destination: "/run/to" }],
  ["unix sockets, one without a name, one that is as long as can be", `21 31 00d8 ${UNIX("")} ${UNIX("x".repeat(108))}`, { source: "", destination: "x".repeat(108) }],
  ["LOCAL", "20 00 0000", {}],
  ["LOCAL with addresses, which do not count", `20 11 000c ${V4}`, {}],
  ["LOCAL with too little for its family, and a family that does not exist", `20 ff 0003 010203`, {}],
  ["unspecified", "21 00 0000", {}],
  ["unspecified, with something", "21 00 0004 01020304", {}],
  ["UDP: not for mail", `21 12 000c ${V4}`, {}],
  ["UDP over IPv6", `21 22 0024 ${V6}`, {}],
  ["unix datagrams", "21 32 0000", {}],
  ["IPv4 of no protocol", `21 10 000c ${V4}`, {}],
];

for (const [what, octets, addresses] of V2) {
  test(`version 2: ${what}`, () => everywhere(hex(SIGNATURE + octets), addresses, what));
}

for (const [what, octets] of [
  ["version 1 in binary", `${SIGNATURE} 11 11 000c ${V4}`],
  ["version 3", `${SIGNATURE} 31 11 000c ${V4}`],
  ["a command that does not exist", `${SIGNATURE} 22 11 000c ${V4}`],
  ["a family that does not exist", `${SIGNATURE} 21 41 000c ${V4}`],
  ["a protocol that does not exist", `${SIGNATURE} 21 13 000c ${V4}`],
  ["too little for IPv4", `${SIGNATURE} 21 11 000b ${V4}`],
  ["too little for IPv6", `${SIGNATURE} 21 21 0023 ${V6}`],
  ["too little for unix sockets", `${SIGNATURE} 21 31 00d7 ${UNIX("")} ${UNIX("")}`],
  ["nothing for IPv4", `${SIGNATURE} 21 11 0000`],
  ["another signature", `0d0a0d0a000d0a515549540b 21 11 000c ${V4}`],
  ["an empty line", "0d0a"],
] as const) {
  test(`no header of version 2: ${what}`, () => {
    const malformed = hex(octets);
    for (const segments of splits(Buffer.concat([malformed, CLIENT]))) assert.is(read(segments).step.type, "malformed");
  });
}

test("a header of version 2 has a limit, and what is longer is known by its 16th octet", () => {
  const length = (octets: number): string => (octets - 16).toString(16).padStart(4, "0");
  const most = PROXY_LIMITS.v2Octets;
  const whole = Buffer.concat([hex(`${SIGNATURE} 21 11 ${length(most)} ${V4}`)], most);
  assert.equal(read([whole]).step, { type: "header", consumed: most, ...V4_ADDRESSES });
  assert.is(read([...whole].map((octet) => Uint8Array.of(octet))).consumed, most);
  assert.equal(read([whole.subarray(0, 20), Buffer.concat([whole.subarray(20), CLIENT])]).consumed, most);
  assert.is(read([whole.subarray(0, -1)]).step.type, "need-input");
  assert.is(read([hex(`${SIGNATURE} 21 11 ${length(most + 1)}`)]).step.type, "malformed");
  assert.is(read([hex(`${SIGNATURE} 20 00 ffff`)]).step.type, "malformed");
});

test("what begins like a header waits for the rest", () => {
  for (const begun of ["", "P", "PROXY", "PROXY TCP4 1.2.3.4", "PROXY UNKNOWN\r"]) everywhere(Buffer.from(begun), "need-input", begun);
  for (const begun of ["0d", SIGNATURE, `${SIGNATURE} 21`, `${SIGNATURE} 21 11 00`, `${SIGNATURE} 21 11 000c c0000201`]) everywhere(hex(begun), "need-input", begun);
});

test("what is written", () => {
  const both: ProxyAddresses = { source: ["2001:0db8::0001", 4711], destination: ["192.0.2.1", 25] };
  assert.is(Buffer.from(formatProxyHeader(1, V4_ADDRESSES)).toString(), "PROXY TCP4 192.0.2.1 203.0.113.9 56324 25\r\n");
  assert.is(Buffer.from(formatProxyHeader(1, both)).toString(), "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 4711 25\r\n");
  assert.is(Buffer.from(formatProxyHeader(1)).toString(), "PROXY UNKNOWN\r\n");
  assert.is(Buffer.from(formatProxyHeader(1, { source: "/run/from", destination: ["192.0.2.1", 25] })).toString(), "PROXY UNKNOWN\r\n");
  assert.equal(formatProxyHeader(2, V4_ADDRESSES), hex(`${SIGNATURE} 21 11 000c ${V4}`));
  assert.equal(formatProxyHeader(2, { source: ["2001:db8::1%eth0", 56324], destination: ["::1", 25] }), hex(`${SIGNATURE} 21 21 0024 ${V6}`));
  assert.equal(formatProxyHeader(2, both), hex(`${SIGNATURE} 21 21 0024 20010db8000000000000000000000001 00000000000000000000ffffc0000201 1267 0019`));
  assert.equal(formatProxyHeader(2), hex(`${SIGNATURE} 20 00 0000`));
  assert.equal(formatProxyHeader(2, { source: "/run/from", destination: "/run/to" }), hex(`${SIGNATURE} 21 31 00d8 ${UNIX("/run/from")} ${UNIX("/run/to")}`));
  for (const source of [["192.0.2.1", 25], "x".repeat(109)] as const) assert.equal(formatProxyHeader(2, { source, destination: "/run/to" }), hex(`${SIGNATURE} 21 00 0000`));
  for (const version of [1, 2] as const) assert.throws(() => formatProxyHeader(version, { source: ["localhost", 1], destination: ["192.0.2.1", 25] }), /no IP address/);
});

test("what is written is read", () => {
  const below = random(5);
  const ipv4 = (): string => Array.from({ length: 4 }, () => below(256)).join(".");
  const ipv6 = (): string => new URL(`http://[${Array.from({ length: 8 }, () => (below(3) === 0 ? below(65_536) : 0).toString(16)).join(":")}]`).hostname.slice(1, -1);
  for (let count = 0; count < 500; count++) {
    const ip = below(2) === 0 ? ipv4 : ipv6;
    const addresses: ProxyAddresses = { source: [ip(), below(65_536)], destination: [ip(), below(65_536)] };
    for (const version of [1, 2] as const) {
      const octets = formatProxyHeader(version, addresses);
      assert.equal(read([octets]).step, { type: "header", consumed: octets.length, ...addresses });
    }
  }
});

test("random octets, and headers with some octets changed: never an exception, the same answer in any segments, never more kept than allowed", () => {
  const below = random(7);
  const headers = [...V1.map(([line]) => Buffer.from(`${line}\r\n`, "latin1")), ...V2.map(([, octets]) => hex(SIGNATURE + octets))];
  for (let count = 0; count < 20_000; count++) {
    const octets = Buffer.concat([headers[below(headers.length)]!, CLIENT]);
    for (let changes = below(4); changes >= 0; changes--) octets[below(octets.length)] = below(256);
    const at = below(octets.length);
    const [whole, cut] = [read([octets]), read([octets.subarray(0, at), octets.subarray(at)])];
    assert.is(cut.step.type, whole.step.type);
    assert.is(cut.consumed, whole.consumed);
    if (whole.step.type === "header") assert.ok(whole.consumed <= PROXY_LIMITS.v2Octets);
  }
  for (let count = 0; count < 5_000; count++) read([Buffer.from(Array.from({ length: below(40) }, () => below(256)))]);
});

test.run();
