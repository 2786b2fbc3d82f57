// Where the proxy knows the lists from: Mailman's maps, its REST API, or nothing that can be asked.

import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { MailmanProxyOptions } from "../../../dist/index.js";
import { readMailmanConfig } from "../../../dist/servers/mailman/config.js";
import { directory } from "../../../dist/servers/mailman/directory.js";
import { Rest, type RestOptions } from "../../../dist/servers/mailman/rest.js";
import { Client, freePort } from "../../client.js";
import { until } from "../accounting/processes.js";
import { ask, envelope, letter, post, say, token } from "./post.js";
import type { Cases, Scene } from "./scene.js";

export const BY_MAILMAN = "250 2.0.0 Ok";
export const BY_UPSTREAM = "250 2.1.5 A person";
/** A name that neither knows hears it from the one that was asked. */
export const NO_PERSON = "550 5.1.1 No such person";
export const NO_LIST = /^550 5\.\d\.\d Requested action not taken: mailbox unavailable$/;
const CANNOT_TELL = "451 4.3.0 It cannot be told now whether this is a list";
/** Nobody listens there. */
const NOBODYS = 1;
/** For what REST said to be forgotten. */
const FORGOTTEN_MS = 40_000;

const LIST = "ant@example.test";
const PERSON = "dora@person.test";
/** No maps: a list is asked for over REST. */
const NO_MAPS = "[mta]\nincoming: mailman.mta.exim4.LMTP";

/** Whoever asks for these hears that it cannot be told, and nothing goes to upstream: not even for people. */
export async function cannotTell({ people }: Scene, port: number): Promise<void> {
  const text = token();
  const to = [LIST, "ant-owner@example.test", "nobody@example.test", PERSON, "somebody@elsewhere.test"];
  assert.equal(await post(port, { from: "alice@member.test", to, content: letter(text, LIST) }), { rcpts: to.map(() => CANNOT_TELL), final: "" });
  assert.is(people.with(text).length, 0);
}

/** A server in front of another that passes on what it hears after a while; or never. */
async function between(port: number, ms: number): Promise<Server & { readonly port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (ms === Infinity) return;
    const on = connect(port, "127.0.0.1").on("error", () => socket.destroy());
    socket.on("data", (octets) => void sleep(ms).then(() => on.write(octets)));
    on.pipe(socket);
  });
  const own = await freePort();
  await new Promise<void>((resolve) => server.listen(own, "127.0.0.1", resolve));
  return Object.assign(server, { port: own });
}

export const lookups: Cases = (test) => {
  test("maps: a list is known as soon as it is made, and no longer than it is there", async ({ port, mailman: { admin } }) => {
    const list = "brief@example.test";
    assert.equal(await ask(port, list), [NO_PERSON]);
    for (let times = 0; times < 3; times++) {
      await admin.addList(list);
      assert.equal(await ask(port, list, "brief-join@example.test"), [BY_MAILMAN, BY_MAILMAN]);
      await admin.removeList(list);
      assert.equal(await ask(port, list, "brief-join@example.test"), [NO_PERSON, NO_PERSON]);
    }
  });

  test("REST: a list is known soon after it is made; when it is gone, Mailman itself refuses it", async (scene) => {
    const { admin } = scene.mailman;
    const { port } = await scene.command(scene.mailman.variant("rest", NO_MAPS));
    const list = "fleeting@example.test";
    assert.equal(await ask(port, LIST, "ant-bounces+bob=b.test@example.test", list, PERSON, "xyz@x-virt.test"), [BY_MAILMAN, BY_MAILMAN, NO_PERSON, BY_UPSTREAM, BY_MAILMAN]);
    await admin.addList(list);
    await until(async () => (await ask(port, list))[0] === BY_MAILMAN, "the new list is known", FORGOTTEN_MS);
    await admin.removeList(list);
    const [answer] = await ask(port, list);
    assert.ok(NO_LIST.test(answer!) || answer === NO_PERSON, answer);
  });

  test("maps that are not there: REST takes over, and the operator is told", async (scene) => {
    const proxy = await scene.command(scene.mailman.elsewhere("no-maps", "none").cfg);
    assert.equal(await ask(proxy.port, LIST, "nobody@example.test", PERSON), [BY_MAILMAN, NO_PERSON, BY_UPSTREAM]);
    assert.match(proxy.stderr, /Mailman's REST API is asked instead of its maps: \S+postfix_lmtp cannot be read \(ENOENT\)/);
  });

  test("maps with a list that is gone: Mailman's own answer", async (scene) => {
    const { admin } = scene.mailman;
    await admin.addList("gone@example.test");
    const { cfg } = scene.mailman.elsewhere("stale", "copied");
    await admin.removeList("gone@example.test");
    const text = token();
    const { port } = await scene.command(cfg);
    const { rcpts: [gone, person], final } = await post(port, { from: "alice@member.test", to: ["gone@example.test", PERSON], content: letter(text, PERSON) });
    assert.match(gone!, NO_LIST);
    assert.is(person, BY_UPSTREAM);
    assert.match(final, /^250 /);
    assert.is(scene.people.with(text).length, 1);
  });

  test("a list is removed between RCPT and DATA: the reply names it, though the person has the message", async ({ port, mailman: { admin }, people }) => {
    const list = "removed@example.test";
    await admin.addList(list);
    const text = token();
    const client = await Client.connect(["127.0.0.1", port]);
    assert.equal(await envelope(client, { from: "alice@member.test", to: [list, PERSON] }), [BY_MAILMAN, BY_UPSTREAM]);
    await admin.removeList(list);
    assert.match(await say(client, "DATA"), /^354 /);
    const final = await say(client, `${letter(text, list).replaceAll("\n", "\r\n")}.`);
    client.end();
    assert.is(final, `550 5.0.0 ${list}: Requested action not taken: mailbox unavailable`);
    assert.is(people.with(text).length, 1);
  });

  test("maps that are replaced all the while: every answer is right; where REST cannot help out, right or 451", async (scene) => {
    const { cfg, data } = scene.mailman.elsewhere("busy", "copied");
    const { port } = await scene.command(cfg);
    const alone = await scene.command(scene.mailman.variant("alone", `[paths.private]\nvar_dir: ${dirname(data)}\n[webservice]\nport: ${NOBODYS}`));
    const names = readdirSync(data).filter((name) => name.startsWith("postfix_"));
    const versions = [40, 3_000, 0].map((lists) => names.map((name) => readFileSync(join(data, name), "latin1") + (name === "postfix_lmtp" ? more(lists) : "")));
    let replaced = 0;
    let told = 0;
    const replacing = new AbortController();
    const replace = async (): Promise<void> => {
      for (; !replacing.signal.aborted; replaced++) {
        for (const [index, name] of names.entries()) {
          writeFileSync(join(data, `${name}.new`), versions[replaced % versions.length]![index]!);
          renameSync(join(data, `${name}.new`), join(data, name));
        }
        await sleep(1 + (replaced % 20));
      }
    };
    const to = [LIST, "no-such@example.test", "my-big-list-request@example.test", PERSON, "xyz@x-virt.test", "list-nine@example.test"];
    const right = [BY_MAILMAN, NO_PERSON, BY_MAILMAN, BY_UPSTREAM, BY_MAILMAN, NO_PERSON];
    const asking = [port, port, alone.port, alone.port].map(async (each) => {
      for (let times = 0; (times < 15 || replaced < 40) && !replacing.signal.aborted; times++) {
        const answers = await ask(each, ...to);
        const expected = each === port ? right : right.map((answer, index) => (answers[index] === CANNOT_TELL ? CANNOT_TELL : answer));
        assert.equal(answers, expected, `after ${replaced} replacements`);
        if (each !== port) told += answers.filter((answer) => answer !== CANNOT_TELL).length;
      }
    });
    const over = replace();
    try {
      await Promise.all(asking);
    } finally {
      replacing.abort();
      await over;
    }
    assert.ok(told > 0, "the maps alone were enough at times");
  });

  test("no maps, and another password: nothing can be told, and the operator reads why", async (scene) => {
    const wrong = "[webservice]\nadmin_pass: another-one";
    const proxy = await scene.command(scene.mailman.elsewhere("wrong-password", "none", wrong).cfg);
    await cannotTell(scene, proxy.port);
    assert.match(proxy.stderr, /cannot be told whether it is a list: Mailman's REST API answers 401: its user or password is another/);
    assert.not.match(proxy.stderr, /another-one/);
  });

  test("REST that is slow: the answers are right", async (scene) => {
    const slow = await between(scene.mailman.ports.rest, 300);
    try {
      const { port } = await scene.command(scene.mailman.variant("slow", `${NO_MAPS}\n[webservice]\nport: ${slow.port}`));
      assert.equal(await ask(port, LIST, "nobody@example.test", PERSON), [BY_MAILMAN, NO_PERSON, BY_UPSTREAM]);
    } finally {
      slow.close();
    }
  });

  test("REST that never answers: nothing can be told", async (scene) => {
    const silent = await between(scene.mailman.ports.rest, Infinity);
    try {
      await cannotTell(scene, await scene.inProcess(overRest(scene, { port: silent.port, answerMs: 300 })));
    } finally {
      silent.close();
    }
  });

  test("REST that is stopped, and goes on", async (scene) => {
    const port = await scene.inProcess(overRest(scene, { answerMs: 500 }));
    scene.mailman.signal("rest", "SIGSTOP");
    try {
      await cannotTell(scene, port);
    } finally {
      scene.mailman.signal("rest", "SIGCONT");
    }
    await until(async () => (await ask(port, LIST))[0] === BY_MAILMAN, "the list is known", FORGOTTEN_MS);
  });
};

/** As without maps, but for a patience that suits a test. */
function overRest({ mailman }: Scene, options: Partial<RestOptions>): MailmanProxyOptions {
  const { rest, delimiter } = readMailmanConfig(mailman.cfg);
  const asked = new Rest({ ...rest, ...options });
  return { directory: directory(() => asked.known(), { delimiter, classic: false }) };
}

/** Lists that Mailman does not have, in its form. Nobody asks for them. */
function more(lists: number): string {
  return Array.from({ length: lists }, (_, nth) => `list${nth}@example.test  lmtp:[127.0.0.1]:1\nlist${nth}-join@example.test  lmtp:[127.0.0.1]:1\n\n`).join("");
}
