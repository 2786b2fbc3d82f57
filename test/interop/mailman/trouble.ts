// Mailman is stopped, restarted and killed while it is posted to. The last tests leave it without LMTP, and then without REST.

import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { Client } from "../../client.js";
import { accepts, until } from "../accounting/processes.js";
import { BY_MAILMAN, BY_UPSTREAM, cannotTell, NO_PERSON } from "./lookups.js";
import { ask, envelope, letter, post, say, token, type Heard } from "./post.js";
import type { Cases, Scene } from "./scene.js";

const ALICE = "alice@member.test";
const BOB = "bob@b.test";
const LIST = "ant@example.test";
const PERSON = "carol@example.test";
/** Eight processes are started anew. */
const RESTART_MS = 90_000;
const REFUSED = /^451 4\.4\.1 Mailman: cannot connect \(ECONNREFUSED\)$/;

/** A message up to the middle of its body. */
async function half(port: number, to: readonly string[], text: string): Promise<Client> {
  const client = await Client.connect(["127.0.0.1", port]);
  for (const reply of await envelope(client, { from: ALICE, to })) assert.match(reply, /^250 /);
  assert.match(await say(client, "DATA"), /^354 /);
  client.send(letter(text, LIST).replaceAll("\n", "\r\n"));
  return client;
}

/** Its other half, and what is said of it. */
async function otherHalf(client: Client): Promise<string> {
  try {
    return await say(client, "the end\r\n.");
  } finally {
    client.end();
  }
}

/** Posts to the list and a person until Mailman takes it. Each refusal on the way is a 451 to the list alone. */
async function untilTaken({ port, people, out }: Scene): Promise<number> {
  const deadline = Date.now() + RESTART_MS;
  for (let refused = 0; ; refused++) {
    const text = token();
    const { rcpts: [list, person], final }: Heard = await post(port, { from: ALICE, to: [LIST, PERSON], content: letter(text, LIST) });
    assert.is(person, BY_UPSTREAM);
    if (list === BY_MAILMAN && final.startsWith("250")) {
      await out.arrivedFor(text, ALICE, BOB);
      return refused;
    }
    if (list === BY_MAILMAN) assert.match(final, /^451 4\.\d\.\d ant@example\.test: Mailman: /);
    else assert.match(list!, /^451 4\.4\.\d Mailman: /);
    if (list !== BY_MAILMAN) assert.is(people.with(text).length, 1);
    if (Date.now() > deadline) throw new Error(`Mailman does not come back: ${list}`);
    await sleep(100);
  }
}

export const trouble: Cases = (test) => {
  test("LMTP is stopped: 451 for the list in time, and the person has it", async (scene) => {
    const port = await scene.inProcess({ limits: { answerMs: 4_000 } });
    const text = token();
    scene.mailman.signal("lmtp", "SIGSTOP");
    try {
      const { rcpts: [list, person], final } = await post(port, { from: ALICE, to: [LIST, PERSON], content: letter(text, LIST) });
      assert.is(list, "451 4.4.1 Mailman: not reached in time");
      assert.is(person, BY_UPSTREAM);
      assert.match(final, /^250 /);
      assert.is(scene.people.with(text).length, 1);
    } finally {
      scene.mailman.signal("lmtp", "SIGCONT");
    }
    await until(async () => (await ask(port, LIST))[0] === BY_MAILMAN, "LMTP goes on");
  });

  test("LMTP is stopped behind the message: 451 in time, as nobody knows", async (scene) => {
    const port = await scene.inProcess({ limits: { messageAnswerMs: 3_000 } });
    const client = await half(port, [LIST], token());
    scene.mailman.signal("lmtp", "SIGSTOP");
    try {
      assert.is(await otherHalf(client), "451 4.4.2 ant@example.test: Mailman: no reply in time");
    } finally {
      scene.mailman.signal("lmtp", "SIGCONT");
    }
  });

  test("Mailman restarts: 451 meanwhile, and what was taken comes out", async (scene) => {
    const { port, mailman } = scene;
    await untilTaken(scene); // nothing is under way any more
    const text = token();
    const client = await half(port, [LIST], text);
    mailman.restart();
    await until(async () => !(await accepts(mailman.ports.lmtp)), "LMTP is down");
    assert.match(await otherHalf(client), /^451 4\.4\.\d ant@example\.test: Mailman: connection closed$/);
    assert.ok((await untilTaken(scene)) > 0, "it was refused at first");
    assert.is(scene.out.with(text).length, 0);
  });

  test("LMTP is killed in the middle of a message: 451, and the person has not got it", async (scene) => {
    const text = token();
    const client = await half(scene.port, [LIST, PERSON], text);
    await scene.mailman.killRunner("lmtp");
    assert.match(await otherHalf(client), /^451 4\.4\.2 ant@example\.test: Mailman: connection closed$/);
    assert.is(scene.people.with(text).length, 0);
  });

  test("LMTP is down: 451 for lists, people are served", async ({ port, people, proxy }) => {
    const text = token();
    const to = [LIST, PERSON, "ant-join@example.test", "no-such@example.test"];
    const { rcpts, final } = await post(port, { from: ALICE, to, content: letter(text, LIST) });
    for (const index of [0, 2]) assert.match(rcpts[index]!, REFUSED);
    assert.equal([rcpts[1], rcpts[3]], [BY_UPSTREAM, NO_PERSON]);
    assert.match(final, /^250 /);
    assert.equal(people.with(text).map((each) => each.to), [[PERSON]]);
    assert.match(proxy.stderr, /^smtpd: Mailman at 127\.0\.0\.1:\d+: 451 cannot connect \(ECONNREFUSED\)$/m);
  });

  test("REST is down, and there are maps: nobody notices", async ({ port, mailman }) => {
    await mailman.killRunner("rest");
    const [list, ...others] = await ask(port, LIST, PERSON, "no-such@example.test");
    assert.match(list!, REFUSED);
    assert.equal(others, [BY_UPSTREAM, NO_PERSON]);
  });

  test("REST is down, and there are no maps: nothing can be told", async (scene) => {
    const proxy = await scene.command(scene.mailman.elsewhere("all-down", "none").cfg);
    await cannotTell(scene, proxy.port);
    assert.match(proxy.stderr, /cannot be told whether it is a list: Mailman's REST API cannot be asked \(ECONNREFUSED\)/);
  });
};
