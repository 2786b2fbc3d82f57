// What the proxy makes of an address, and what Mailman itself does: the same, for thousands of them, wherever it is known from.

import * as assert from "uvu/assert";
import { formatMailbox, type Path } from "../../../dist/protocol/index.js";
import { readMailmanConfig } from "../../../dist/servers/mailman/config.js";
import { directory, type Directory, type Source } from "../../../dist/servers/mailman/directory.js";
import { PostfixMaps } from "../../../dist/servers/mailman/maps.js";
import { Rest } from "../../../dist/servers/mailman/rest.js";
import { Client } from "../../client.js";
import { addresses, DOMAINS, LISTS } from "./addresses.js";
import { BY_MAILMAN, BY_UPSTREAM, NO_PERSON } from "./lookups.js";
import { MAP_FORMS, type Mailman } from "./mailman.js";
import { ask } from "./post.js";
import type { Cases, Scene } from "./scene.js";

const ADDRESSES = 2_100;
const SEED = 4;
/** Connections, and questions in one write. Mailman does one thing after the other anyway. */
const CONNECTIONS = 4;
const PIPELINED = 25;
const LOOKUPS = 50;

/** Mailman's own answers to RCPT. */
async function verdicts({ ports }: Mailman, paths: readonly Path[]): Promise<Map<Path, number>> {
  const found = new Map<Path, number>();
  await inTurns(paths, CONNECTIONS, PIPELINED, async (next) => {
    const client = await Client.connect(["127.0.0.1", ports.lmtp]);
    await client.say("LHLO client.test");
    await client.say("MAIL FROM:<alice@member.test>");
    for (let some = next(); some.length > 0; some = next()) {
      client.send(some.map((path) => `RCPT TO:<${formatMailbox(path)}>\r\n`).join(""));
      const replies = await client.until(new RegExp(`^(?:\\d{3} .*\\r\\n){${some.length}}`));
      for (const [index, line] of replies.trimEnd().split("\r\n").entries()) found.set(some[index]!, Number(line.slice(0, 3)));
    }
    client.end();
  });
  return found;
}

async function listed(by: Directory, paths: readonly Path[]): Promise<Set<Path>> {
  const found = new Set<Path>();
  await inTurns(paths, LOOKUPS, 1, async (next) => {
    for (let [path] = next(); path !== undefined; [path] = next()) if ((await by.lookup(path)) !== undefined) found.add(path);
  });
  return found;
}

/** Several at a time, each of which takes some of what is left. */
async function inTurns(paths: readonly Path[], workers: number, some: number, work: (next: () => readonly Path[]) => Promise<void>): Promise<void> {
  let at = 0;
  const next = (): readonly Path[] => paths.slice(at, (at += some));
  await Promise.all(Array.from({ length: workers }, () => work(next)));
}

function different(paths: readonly Path[], mailman: ReadonlyMap<Path, number>, found: ReadonlySet<Path>): string[] {
  const differs = paths.filter((path) => (mailman.get(path) === 250) !== found.has(path));
  return differs.map((path) => `${formatMailbox(path)}: Mailman says ${mailman.get(path)}, the directory ${found.has(path) ? "a list" : "none"}`);
}

/** Mailman writes its maps again when a list is made. */
async function rewrite({ admin }: Mailman): Promise<void> {
  await admin.addList("rewritten@example.test");
  await admin.removeList("rewritten@example.test");
}

async function makeLists({ mailman: { admin } }: Scene): Promise<void> {
  for (const [host, alias] of Object.entries(DOMAINS)) if (!(await admin.has(`domains/${host}`))) await admin.addDomain(host, alias);
  for (const list of LISTS) if (!(await admin.has(`lists/${list}`))) await admin.addList(list);
}

export const agreement: Cases = (test) => {
  test(`${ADDRESSES} addresses: the directory says what Mailman says, from both forms of maps and over REST`, async (scene) => {
    const { mailman } = scene;
    await makeLists(scene);
    const { maps, rest, delimiter } = readMailmanConfig(mailman.cfg);
    const of = (source: Source): Directory => directory(source, { delimiter, classic: false });
    const [files, api] = [new PostfixMaps(maps!), new Rest(rest)];
    const paths = addresses(ADDRESSES, SEED);
    const [theirs, overRest] = await Promise.all([verdicts(mailman, paths), listed(of(() => api.known()), paths)]);
    const codes = [...theirs.values()];
    console.log(`\n  ${paths.length} addresses: Mailman takes ${codes.filter((code) => code === 250).length}, and says 550 to ${codes.filter((code) => code === 550).length}`);
    assert.is(theirs.size, paths.length);
    assert.equal(different(paths, theirs, overRest), [], "REST");
    for (const form of MAP_FORMS) {
      mailman.writeMapsAs(form);
      await rewrite(mailman);
      assert.equal(different(paths, theirs, await listed(of(() => files.known()), paths)), [], form);
    }
  });

  test("the proxy goes on when the form of the maps changes", async ({ port, mailman }) => {
    const to = ["ant@example.test", "ant-join@example.test", "ant-bounces+bob=b.test@example.test", "xyz@x-virt.test", "no-such@example.test", "carol@example.test"];
    const right = [BY_MAILMAN, BY_MAILMAN, BY_MAILMAN, BY_MAILMAN, NO_PERSON, BY_UPSTREAM];
    for (const form of MAP_FORMS) {
      mailman.writeMapsAs(form);
      await rewrite(mailman);
      assert.equal(await ask(port, ...to), right, form);
    }
  });
};
