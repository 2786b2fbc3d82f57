// Addresses, put together of all that could be taken for something else. The same ones each time.

import { formatMailbox, mailbox, type Path } from "../../../dist/protocol/index.js";
import { Scan } from "../../../dist/protocol/scan.js";
import { random } from "../../splits.js";

/** Lists that look like sub-addresses of others, and lists in domains that look like others. */
export const LISTS: readonly string[] = [
  "ant@example.test", "ant-owner@example.test", "my-big-list@example.test", "x-join@example.test", "-dash@example.test", "a.b_c@example.test",
  "join@example.test", "bounces-bounces@example.test", "ant--leave@example.test", "7@example.test", "dash-@example.test", "xyz@virt.test",
  "ant-request@virt.test", "bee@shadow.test", "bee@shadowed.test", "cee@cased.test",
];
/** With the alias of each. One has the name of another domain, and one is not in lower case: Mailman takes it as it is. */
export const DOMAINS: { readonly [host: string]: string | undefined } = {
  "example.test": undefined, "virt.test": "x-virt.test", "shadow.test": "shadowed.test", "shadowed.test": undefined, "cased.test": "X-Cased.test",
};

const NAMES = [
  ...new Set(LISTS.map((list) => list.slice(0, list.indexOf("@")))), "x", "my", "my-big", "big-list", "an", "antt", "a.b", "a_b_c", "nobody", "postmaster", "-", "--", "mailman", "bounces", "owner",
];
const SUB_ADDRESSES = ["bounces", "confirm", "join", "leave", "owner", "request", "subscribe", "unsubscribe"];
const TAILS = ["", "-admin", "-own", "-joins", "-", "--join", "-join-leave", "join", ".owner", "_owner", "=b.test"];
const DELIMITED = ["", "+", "+tail", "+bob=b.test", "+join", "+-join", "++", "+a+b", "-join+0123abcd", "-bounces+bob=b.test", "-owner+"];
const HOSTS = [
  ...Object.keys(DOMAINS), ...Object.values(DOMAINS).filter((alias) => alias !== undefined), "x-cased.test", "example.test", "example.test", "virt.test",
  "sub.example.test", "example", "xample.test", "example.test.test", "member.test", "[127.0.0.1]",
];
const SPECIALS = [" ", "@", ",", "(", ")", "<", ">", ":", ";", "[", "]", '\\"', "\\\\", ".", "..", "'", "/", "%", "!", "?", "*", "$", "{}", "\\a"];

/** So many that are different, and addresses as RFC 5321 has them. */
export function addresses(count: number, seed: number): Path[] {
  const next = random(seed);
  const oneOf = <T>(items: readonly T[]): T => items[next(items.length)]!;
  const found = new Map<string, Path>();
  while (found.size < count) {
    const [list = "", domain = ""] = oneOf(LISTS).split("@");
    const [itsOwn, itsHost] = [next(4) > 0, next(4) > 0]; // mostly a list that is there
    let local = itsOwn ? list : oneOf(NAMES);
    if (next(2) === 0) local += `-${oneOf(SUB_ADDRESSES)}`;
    if (next(8) === 0) local += oneOf(TAILS);
    if (next(3) === 0) local += oneOf(DELIMITED);
    if (next(4) === 0) local = cased(local, next);
    if (next(10) === 0) local = withOne(SPECIALS, local, next);
    if (next(8) === 0) local = `"${next(3) === 0 ? withOne(SPECIALS, local, next) : local}"`;
    const host = itsHost ? ((next(3) === 0 ? DOMAINS[domain] : undefined) ?? domain) : oneOf(HOSTS);
    const text = `${local}@${next(4) === 0 ? cased(host, next) : host}`;
    const path = pathOf(text);
    if (path !== undefined) found.set(text, path);
  }
  return [...found.values()];
}

/** Undefined for what is no address: the server refuses it, and looks for nothing. */
function pathOf(text: string): Path | undefined {
  const path = mailbox(new Scan(Buffer.from(`${text}\r\n`), 0));
  return path !== undefined && formatMailbox(path) === text ? path : undefined;
}

function cased(text: string, next: (below: number) => number): string {
  return text.replace(/[a-z]/g, (letter) => (next(2) === 0 ? letter.toUpperCase() : letter));
}

function withOne(of: readonly string[], text: string, next: (below: number) => number): string {
  const at = next(text.length + 1);
  return text.slice(0, at) + of[next(of.length)]! + text.slice(at);
}
