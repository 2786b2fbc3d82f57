// LMTP with real programs: swaks, smtp-source, Postfix and Exim as clients of ours.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SMTPServer, type Peer, type Session } from "../../dist/index.js";
import { find } from "./accounting/processes.js";
import { INSTALLABLE, RELAYS } from "./relays.js";
import { have, run, testIf } from "./tools.js";

const test = suite("LMTP");
const messages: string[] = [];

/** What is said of these, once the message is there. */
const FATES: { readonly [localPart: string]: string } = { full: "452 4.2.2 The mailbox is full", gone: "550 5.2.1 The mailbox is closed" };

class Store extends SMTPServer {
  override session(peer: Peer): Session {
    return { ...super.session(peer), RCPT: ({ forwardPath }) => (forwardPath.localPart === "nobody" ? "550 5.1.1 No such user" : undefined) };
  }

  override processMessage(...[, from, to, data]: Parameters<SMTPServer["processMessage"]>): readonly string[] {
    messages.push(`${from} ${to.join(",")} ${Buffer.from(data as Uint8Array).toString()}`);
    return to.map((each) => FATES[each.split("@")[0]!] ?? `250 2.1.5 ${each} has it`);
  }
}

async function served(body: (port: number) => Promise<void>): Promise<void> {
  messages.length = 0;
  const server = new Store(["127.0.0.1", 0], undefined, { hostname: "mx.example", lmtp: true, graceMs: 0 });
  try {
    await body((await server.listening)[0]![1] as number);
  } finally {
    await server.close();
  }
}

testIf(have("swaks") ? undefined : "there is no swaks", test, "swaks: a reply for each recipient that was accepted", () => served(async (port) => {
  const to = ["one", "nobody", "full", "two", "gone"].map((each) => `${each}@d.example`);
  const { code, stdout } = await run("swaks", ["--protocol", "LMTP", "--server", `127.0.0.1:${port}`, "--from", "a@b.example", "--to", to.join(","), "--data", "Subject: x\n\nhello\n"]);
  assert.is(code, 0, stdout);
  assert.match(stdout, /-> LHLO/);
  const said = stdout.slice(stdout.indexOf(" -> .\n")).match(/^<[-*]. +\d{3} .*$/gm)!.map((line) => line.slice(4));
  assert.equal(said, ["250 2.1.5 one@d.example has it", "452 4.2.2 The mailbox is full", "250 2.1.5 two@d.example has it", "550 5.2.1 The mailbox is closed", "221 2.0.0 mx.example closing connection"]);
  assert.match(messages[0]!, /^a@b\.example one@d\.example,full@d\.example,two@d\.example,gone@d\.example Subject: x/);
}));

for (const [name, kind] of Object.entries(RELAYS)) {
  testIf(kind.missing, test, `${name}: what it does for each recipient is what was said of that one`, () => served(async (port) => {
    const folder = mkdtempSync(join(tmpdir(), "smtpd-"));
    try {
      const relay = await kind.make(folder);
      const rcpts = ["one", "nobody", "full", "two", "gone"].map((each) => `TO:<${each}@d.example>`);
      const fates = await relay.send({ port, lmtp: true }, { mail: "FROM:<>", rcpts, content: "Subject: x\r\n\r\nhello\r\n" });
      const expected = ["bounced gone@d.example", "bounced nobody@d.example", "deferred full@d.example", "sent one@d.example", "sent two@d.example"];
      assert.equal(fates.map(({ status, to }) => `${status} ${to}`).sort(), expected);
      assert.is(messages.length, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }), INSTALLABLE);
}

testIf(find("smtp-source") === undefined ? "there is no smtp-source (Debian's postfix)" : undefined, test, "smtp-source: a hundred messages", () => served(async (port) => {
  const { code, stderr } = await run(find("smtp-source")!, ["-L", "-s", "5", "-m", "100", "-r", "3", "-l", "2000", `127.0.0.1:${port}`]);
  assert.is(code, 0, stderr);
  assert.is(messages.length, 100);
}));

test.run();
