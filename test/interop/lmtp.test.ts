// LMTP with real programs: swaks and curl as clients of ours, smtp-source as well.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SMTPServer, type Peer, type Session } from "../../dist/index.js";
import { find } from "./accounting/processes.js";
import { have, run, testIf } from "./tools.js";

const test = suite("LMTP");
const messages: string[] = [];

class Store extends SMTPServer {
  override session(peer: Peer): Session {
    return { ...super.session(peer), RCPT: ({ forwardPath }) => (forwardPath.localPart === "nobody" ? "550 5.1.1 No such user" : undefined) };
  }

  override processMessage(...[, from, to, data]: Parameters<SMTPServer["processMessage"]>): void {
    messages.push(`${from} ${to.join(",")} ${Buffer.from(data as Uint8Array).toString()}`);
  }
}

async function served(body: (port: number) => Promise<void>): Promise<void> {
  messages.length = 0;
  const server = new Store(["127.0.0.1", 0], undefined, { lmtp: true, graceMs: 0 });
  try {
    await body((await server.listening)[0]![1] as number);
  } finally {
    await server.close();
  }
}

testIf(have("swaks") ? undefined : "there is no swaks", test, "swaks: a reply for each recipient that was accepted", () => served(async (port) => {
  const { code, stdout } = await run("swaks", ["--protocol", "LMTP", "--server", `127.0.0.1:${port}`, "--from", "a@b.example", "--to", "one@d.example,nobody@d.example,two@d.example", "--data", "Subject: x\n\nhello\n"]);
  assert.is(code, 0, stdout);
  assert.match(stdout, /LHLO/);
  assert.is(stdout.match(/<-? +250 2\.0\.0 Message accepted/g)?.length, 2, stdout);
  assert.match(messages[0]!, /^a@b\.example one@d\.example,two@d\.example Subject: x/);
}));

testIf(find("smtp-source") === undefined ? "there is no smtp-source (Debian's postfix)" : undefined, test, "smtp-source: a hundred messages", () => served(async (port) => {
  const { code, stderr } = await run(find("smtp-source")!, ["-L", "-s", "5", "-m", "100", "-r", "3", "-l", "2000", `127.0.0.1:${port}`]);
  assert.is(code, 0, stderr);
  assert.is(messages.length, 100);
}));

test.run();
