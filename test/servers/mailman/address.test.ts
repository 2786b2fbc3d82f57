// The address rule: what Mailman 3 makes of a recipient, seen on a running one; and what Python's MailmanProxy made of it.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Rcpt } from "../../../dist/protocol/index.js";
import { candidates, deliveryOf, hostsOf, type Listed } from "../../../dist/servers/mailman/address.js";
import { directory, fixed } from "../../../dist/servers/mailman/directory.js";
import { commandOf } from "../../client-transcript.js";

const LISTS = ["ant", "ant-owner", "my-big-list", "x-join", "-dash", "ant-", "join", "a.b_c"].map((name) => `${name}@example.test`);

function pathOf(address: string): Rcpt["forwardPath"] {
  const localPart = address.slice(0, address.lastIndexOf("@"));
  if (/[\x80-\u{10ffff}]/u.test(address)) return { sourceRoute: [], localPart, domain: address.slice(address.lastIndexOf("@") + 1) };
  return (commandOf(`RCPT TO:<${address.replaceAll("\\", "\\\\")}>`) as Rcpt).forwardPath; // a backslash is an escape there
}

async function found(address: string, classic = false, lists = LISTS): Promise<string> {
  const listed = await directory(fixed(lists), { delimiter: "+", classic }).lookup(pathOf(address));
  return listed === undefined ? "none" : `${listed.list} ${listed.subAddress}`.trim();
}

const MAILMAN_3: readonly (readonly [address: string, found: string])[] = [
  ["ant@example.test", "ant@example.test"],
  ["ANT@Example.TEST", "ant@example.test"],
  ['"ant"@example.test', "ant@example.test"],
  ['"a\\nt"@example.test', "ant@example.test"],
  ["ant+anything@example.test", "ant@example.test"],
  ["ant+x-request@example.test", "ant@example.test"],
  ["ant-request@example.test", "ant@example.test request"],
  ["ant-REQUEST+x@example.test", "ant@example.test request"],
  ["ant-confirm+0123abcd@example.test", "ant@example.test confirm"],
  ["ant-bounces+bob=b.test@example.test", "ant@example.test bounces"],
  ["ant-subscribe@example.test", "ant@example.test subscribe"],
  ["ant-unsubscribe@example.test", "ant@example.test unsubscribe"],
  ["ant-owner@example.test", "ant-owner@example.test"], // there is a list of exactly that name
  ["ant-owner-owner@example.test", "ant-owner@example.test owner"],
  ["ant-admin@example.test", "none"],
  ["ant-request-owner@example.test", "none"],
  ["ant--request@example.test", "ant-@example.test request"],
  ["ant-@example.test", "ant-@example.test"],
  ["my-big-list@example.test", "my-big-list@example.test"],
  ["my-big-list-leave@example.test", "my-big-list@example.test leave"],
  ["my-big@example.test", "none"],
  ["x-join@example.test", "x-join@example.test"],
  ["x@example.test", "none"],
  ["join@example.test", "join@example.test"],
  ["join-join@example.test", "join@example.test join"],
  ["-dash-leave@example.test", "-dash@example.test leave"],
  ["-request@example.test", "none"],
  ["+x@example.test", "none"],
  ["a.b_c-owner@example.test", "a.b_c@example.test owner"],
  ["ant@elsewhere.test", "none"],
  ["ant@[127.0.0.1]", "none"],
  ['"ant "@example.test', "none"],
  ['"ant+x y"@example.test', "none"],
  ['""@example.test', "none"],
  ["ant/x@example.test", "none"],
  ["ant%example.test@example.test", "none"],
  ["Postmaster", "none"],
];

for (const [address, expected] of MAILMAN_3) {
  test(`Mailman 3: ${address} is ${expected}`, async () => assert.is(await found(address), expected));
}

test("a letter that is none of ASCII's becomes none", async () => {
  assert.is(await found("\u212amart@example.test", false, ["kmart@example.test"]), "none"); // the Kelvin sign
  assert.is(await found("ant@e\u212axample.test"), "none");
});

const CLASSIC: readonly (readonly [address: string, found: string])[] = [
  ["ant@wherever.example", "ant@example.test"],
  ["Ant-Request@wherever.example", "ant@example.test request"],
  ["ant-admin@x.example", "ant@example.test owner"],
  ["ant-owner@x.example", "ant@example.test owner"],
  ["ant-join@x.example", "ant@example.test join"],
  ["ant-leave@x.example", "ant@example.test leave"],
  ["ant-subscribe@x.example", "none"],
  ["ant-bounces@x.example", "none"],
  ["my-big-list@example.test", "none"],
  ["ant-x-join@example.test", "none"],
  ["-request@example.test", "none"],
  ["ant+x@example.test", "none"],
  ["nobody@example.test", "none"],
];

for (const [address, expected] of CLASSIC) {
  test(`classic: ${address} is ${expected}`, async () => assert.is(await found(address, true), expected));
}

test("classic: Mailman is told the list's own address", () => {
  const hosts = hostsOf([{ host: "one.test" }, { host: "two.test", alias: "three.test" }]);
  const given = candidates(pathOf("Ant-Admin@x.example"), hosts, { delimiter: "+", classic: true });
  assert.equal(given.map(({ list, recipient }) => [list, recipient?.localPart, recipient?.domain]), [
    ["ant@two.test", "ant-owner", "two.test"],
    ["ant@one.test", "ant-owner", "one.test"],
  ]);
});

test("another delimiter", () => {
  const hosts = hostsOf([{ host: "example.test" }]);
  assert.equal(candidates(pathOf("ant==x@example.test"), hosts, { delimiter: "==", classic: false }).map(({ list }) => list), ["ant@example.test"]);
});

test("alias domains: verbatim, before a domain of that name, the first of two", () => {
  const hosts = hostsOf([
    { host: "a.test", alias: "real.test" },
    { host: "b.test", alias: "real.test" },
    { host: "MiXed.test", alias: "Capital.test" },
    { host: "real.test" },
  ]);
  assert.equal([...hosts], [["real.test", "a.test"], ["Capital.test", "MiXed.test"], ["a.test", "a.test"], ["b.test", "b.test"], ["mixed.test", "mixed.test"]]);
});

test("what is one delivery", () => {
  const key = (list: string, subAddress: Listed["subAddress"], address: string): string => deliveryOf({ list, subAddress }, pathOf(address));
  const ant = "ant@example.test";
  assert.is(key(ant, "", "ant@example.test"), key(ant, "", "ANT+x@example.test"));
  assert.is(key(ant, "join", "ant-join@example.test"), key(ant, "subscribe", "ant-subscribe@example.test"));
  assert.is(key(ant, "leave", "ant-leave@example.test"), key(ant, "unsubscribe", "ant-unsubscribe@example.test"));
  assert.is.not(key(ant, "", "ant@example.test"), key(ant, "owner", "ant-owner@example.test"));
  assert.is.not(key(ant, "bounces", "ant-bounces+a=b@example.test"), key(ant, "bounces", "ant-bounces+c=d@example.test"));
  assert.is(key(ant, "bounces", "ant-bounces+a=b@example.test"), key(ant, "bounces", '"ant-bounces+a=b"@example.test'));
});

test.run();
