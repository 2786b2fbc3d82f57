// The lists of a Mailman that is not there: the files that tell the proxy of them, and what such a Mailman gets of a message.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mapsOf } from "../../maps.js";
import { isRelayed } from "./content.js";
import type { Copy } from "./ledger.js";

/** 0l@lists.test, 1l@lists.test and so on: smtp-source puts numbers in front of a recipient, one for each message of a process. */
export const LISTS = 50;
const DOMAIN = "lists.test";

/** Writes them; the path of the first. */
export function mailmanCfg(folder: string, lmtpPort: number): string {
  const data = join(folder, "mailman", "data");
  const path = join(folder, "mailman.cfg");
  const maps = mapsOf(Array.from({ length: LISTS }, (_, nth) => `${nth}l@${DOMAIN}`), {});
  mkdirSync(data, { recursive: true });
  writeFileSync(join(data, "postfix_lmtp"), maps.lmtp);
  writeFileSync(join(data, "postfix_domains"), maps.domains);
  writeFileSync(path, `
[mailman]
layout: test
[paths.test]
var_dir: ${join(folder, "mailman")}
data_dir: $var_dir/data
[mta]
incoming: mailman.mta.postfix.LMTP
lmtp_host: 127.0.0.1
lmtp_port: ${lmtpPort}
`);
  return path;
}

/** A list, a sub-address or none, and a tail that tells messages apart, and lists never. */
const LIST = /^(\d+l(?:-([a-z]+))?)\+\S*@lists\.test$/i;

/** The copies of a message: people have one in common, and each list one for each name; but of tails only those of "-bounces" tell. */
export function copiesFor(accepted: readonly string[], sent: string, sender: string | null): Copy[] {
  const people = accepted.filter((address) => !LIST.test(address));
  const lists = new Map<string, string[]>();
  for (const address of new Set(accepted)) {
    const [, name, subAddress] = LIST.exec(address) ?? [];
    const delivery = subAddress === "bounces" ? address : name?.toLowerCase();
    if (delivery !== undefined) lists.set(delivery, [...(lists.get(delivery) ?? []), address]);
  }
  const added = new Set<string>();
  return [
    ...(people.length > 0 ? [{ at: "upstream", recipients: people, isContent: (stored: string) => isRelayed(stored, sent) } as const] : []),
    ...[...lists.values()].map((names) => ({ at: "Mailman", recipients: names, isContent: (stored: string) => isPosted(stored, sent, names[0]!, sender, added) } as const)),
  ];
}

/** What the proxy puts behind a header that lacks it. */
const WANTED = [
  { name: "From", line: "From: s@s\\.test\n" },
  { name: "Date", line: "Date: \\w{3}, \\d+ \\w{3} \\d{4} [\\d:]{8} [-+]\\d{4}\n" },
  { name: "Message-ID", line: "Message-ID: <[-0-9a-f]{36}@[^>\\s]+>\n" },
];

/** As to people; but with all fields that are wanted, and with a Delivered-To where a bounce came back. `added`: to the other lists. */
function isPosted(stored: string, sent: string, address: string, sender: string | null, added: Set<string>): boolean {
  const headerEnd = sent.indexOf("\n\n") + 1;
  const [header, rest] = [sent.slice(0, headerEnd), sent.slice(headerEnd)];
  const at = stored.lastIndexOf(header, stored.length - sent.length);
  const inFront = stored.slice(0, at);
  const fields = stored.slice(at + header.length, stored.length - rest.length);
  const missing = WANTED.filter(({ name }) => !new RegExp(`^${name}[ \t]*:`, "im").test(header) && !(name === "From" && sender === null));
  const isBounce = address.includes("-bounces+");
  added.add(fields);
  return (
    at >= 0 &&
    stored.endsWith(rest) &&
    isRelayed(inFront + header, header) &&
    new RegExp(`^${missing.map(({ line }) => line).join("")}$`).test(fields) &&
    inFront.includes("\nDelivered-To:") === isBounce &&
    (!isBounce || inFront.includes(`\nDelivered-To: ${address}\nReceived: from `)) &&
    added.size === 1 // one Message-ID for all copies
  );
}
