// Where the proxy knows the lists from: Mailman's maps, its REST API, or nothing that can be asked.

import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { MailmanProxyOptions } from "../../../dist/index.js";
import { readMailmanConfig } from "../../../dist/servers/mailman/config.js";
import { directory } from "../../../dist/servers/mailman/directory.js";
import { Rest, type RestOptions } from "../../../dist/servers/mailman/rest.js";
import { freePort } from "../../client.js";
import { until } from "../accounting/processes.js";
import { ask, letter, post, token } from "./post.js";
import type { Cases, Scene } from "./scene.js";

export const BY_MAILMAN = "250 2.0.0 Ok";
export const BY_UPSTREAM = "250 2.1.5 A person";
/** A name that neither knows hears it from the one that was asked. */
export const NO_PERSON = "550 5.1.1 No such person";
export const NO_LIST = /^550 5\.\d\.\d Requested action not taken: mailbox unavailable$/;
const CANNOT_TELL = "451 4.3.0 It cannot be told now whether this is a list";
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

  test("maps that are replaced all the while: every answer is right", async (scene) => {
    const { cfg, data } = scene.mailman.elsewhere("busy", "copied");
    const names = readdirSync(data).filter((name) => name.startsWith("postfix_"));
    const versions = [40, 3_000, 0].map((lists) => names.map((name) => readFileSync(join(data, name), "latin1") + (name === "postfix_lmtp" ? more(lists) : "")));
    const { port } = await scene.command(cfg);
    let over = false;
    let replaced = 0;
    const replacing = (async () => {
      for (; !over; replaced++) {
        for (const [index, name] of names.entries()) {
          writeFileSync(join(data, `${name}.new`), versions[replaced % versions.length]![index]!);
          renameSync(join(data, `${name}.new`), join(data, name));
          await sleep(1 + (replaced % 7));
        }
      }
    })();
    const to = [LIST, "no-such@example.test", "my-big-list-request@example.test", PERSON, "xyz@x-virt.test", "list-nine@example.test"];
    const right = [BY_MAILMAN, NO_PERSON, BY_MAILMAN, BY_UPSTREAM, BY_MAILMAN, NO_PERSON];
    try {
      await Promise.all(Array.from({ length: 4 }, async () => {
        for (let times = 0; times < 15 || replaced < 40; times++) assert.equal(await ask(port, ...to), right, `after ${replaced} replacements`);
      }));
    } finally {
      over = true;
      await replacing;
    }
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
