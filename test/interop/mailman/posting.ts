// Mail for lists, for people, and for both.

import * as assert from "uvu/assert";
import { REFUSED_SUBJECT } from "./mailboxes.js";
import { letter, post, swaks, token, type Heard } from "./post.js";
import type { Cases, Scene } from "./scene.js";

const ALICE = "alice@member.test";
const BOB = "bob@b.test";
const TO_ANT = "ant@example.test";
const TO_BIG = "my-big-list@example.test";
const PERSON = "carol@example.test";
const BY_MAILMAN = /^250 2\.0\.0 Ok$/;
const BY_UPSTREAM = /^250 2\.1\.5 A person$/;
const UNKNOWN = "550 5.1.1 No such person";
const ACCEPTED = /^250 /;

/** Each recipient hears one of these, in this order. */
function hears({ rcpts, final }: Heard, patterns: readonly RegExp[], afterData: RegExp): void {
  assert.is(rcpts.length, patterns.length);
  for (const [index, pattern] of patterns.entries()) assert.match(rcpts[index]!, pattern);
  assert.match(final, afterData);
}

export const posting: Cases = (test) => {
  for (const [program, send] of Object.entries({ "our client": post, swaks })) {
    test(`${program}: to a list`, async ({ port, out, people }) => {
      const text = token();
      hears(await send(port, { from: ALICE, to: [TO_ANT], content: letter(text, TO_ANT) }), [BY_MAILMAN], ACCEPTED);
      await out.arrivedFor(text, ALICE, BOB);
      const { from, content } = out.with(text)[0]!;
      assert.is(from, "ant-bounces@example.test");
      assert.match(content, /^Received: from .*\n\tby .* with ESMTP;\n\t.*\nFrom: alice@member\.test\n/);
      assert.is(people.with(text).length, 0);
    });

    test(`${program}: to a person`, async ({ port, people, out }) => {
      const text = token();
      hears(await send(port, { from: ALICE, to: [PERSON], content: letter(text, PERSON) }), [BY_UPSTREAM], ACCEPTED);
      assert.equal(people.with(text).map(({ from, to }) => [from, to]), [[ALICE, [PERSON]]]);
      assert.is(out.with(text).length, 0);
    });

    test(`${program}: to a list and a person`, async ({ port, people, out }) => {
      const text = token();
      hears(await send(port, { from: ALICE, to: [TO_ANT, PERSON], content: letter(text, `${TO_ANT}, ${PERSON}`) }), [BY_MAILMAN, BY_UPSTREAM], ACCEPTED);
      assert.equal(people.with(text).map(({ to }) => to), [[PERSON]]);
      await out.arrivedFor(text, ALICE, BOB);
    });

    test(`${program}: to two lists`, async ({ port, out }) => {
      const text = token();
      hears(await send(port, { from: ALICE, to: [TO_ANT, TO_BIG], content: letter(text, `${TO_ANT}, ${TO_BIG}`) }), [BY_MAILMAN, BY_MAILMAN], ACCEPTED);
      await out.arrived(({ content }) => content.includes(text) && content.includes("List-Id: <ant.example.test>"), "the one list's");
      await out.arrived(({ content }) => content.includes(text) && content.includes("List-Id: <my-big-list.example.test>"), "the other's");
      const ids = out.with(text).map(({ content }) => /^Message-ID: (.*)/m.exec(content)?.[1]);
      assert.is(new Set(ids).size, 1, "one Message-ID for all copies");
    });
  }

  test("a list under three names is one delivery", async (scene) => {
    const text = token();
    const { rcpts } = await post(scene.port, { from: ALICE, to: [TO_ANT, "ANT@Example.TEST", "ant+tail@example.test"], content: letter(text, TO_ANT) });
    assert.equal(rcpts, Array(3).fill("250 2.0.0 Ok"));
    await later(scene);
    assert.is(copies(scene.out.with(text), BOB), 1);
  });

  test("without From, Date and Message-ID: the list's copy has them", async ({ port, out, people }) => {
    const text = token();
    await post(port, { from: ALICE, to: [TO_ANT, PERSON], content: `To: ${TO_ANT}\nSubject: bare\n\n${text}\n` });
    await out.arrivedFor(text, BOB);
    for (const field of [/^From: alice@member\.test$/m, /^Date: /m, /^Message-ID: </m]) {
      assert.match(out.with(text)[0]!.content, field);
      assert.not.match(people.with(text)[0]!.content, field);
    }
  });

  test("a name that is no list's, in a domain of lists: upstream's own answer", async ({ port }) => {
    const unknown = ["no-such-list@example.test", "no-such-list-owner@example.test", "example-join@virt.test", "ant@elsewhere.test"];
    const { rcpts, final } = await post(port, { from: ALICE, to: unknown, content: letter(token(), TO_ANT) });
    assert.equal(rcpts, unknown.map(() => UNKNOWN));
    assert.is(final, "");
  });

  test("from the null sender, to a list and a person", async ({ port, people, out }) => {
    const text = token();
    const content = letter(text, TO_ANT); // its From is a member's
    hears(await post(port, { from: "", to: [TO_ANT, PERSON], content }), [BY_MAILMAN, BY_UPSTREAM], ACCEPTED);
    assert.equal(people.with(text).map(({ from }) => from), ["<>"]);
    await out.arrivedFor(text, BOB);
  });

  test("a domain and its alias are one list", async (scene) => {
    const texts = [token(), token()];
    for (const [index, domain] of ["virt.test", "X-Virt.Test"].entries()) {
      hears(await post(scene.port, { from: ALICE, to: [`xyz@${domain}`], content: letter(texts[index]!, "xyz@virt.test") }), [BY_MAILMAN], ACCEPTED);
    }
    for (const text of texts) await scene.out.arrivedFor(text, BOB);
  });

  test("an address that is not ASCII: refused for the list, taken for the person", async ({ port, people }) => {
    const text = token();
    const heard = await post(port, { from: "josé@member.test", to: [TO_ANT, PERSON], content: letter(text, PERSON) }, " SMTPUTF8");
    hears(heard, [/^550 5\.6\.7 /, BY_UPSTREAM], ACCEPTED);
    assert.is(people.with(text).length, 1);
  });

  test("Mailman refuses with one 501 for all: the reply names each list", async ({ port, out }) => {
    const text = token();
    const heard = await post(port, { from: ALICE, to: [TO_ANT, TO_BIG], content: `no header at all ${text}\n` });
    hears(heard, [BY_MAILMAN, BY_MAILMAN], /^501[- ]5\.\d\.\d ant@example\.test: Message has defects\r\n501 5\.\d\.\d my-big-list@example\.test: Message has defects$/);
    assert.is(out.with(text).length, 0);
  });

  test("Mailman refuses, upstream has taken it: a 5yz that names the list", async (scene) => {
    const text = token();
    const heard = await post(scene.port, { from: ALICE, to: [PERSON, TO_ANT], content: `no header at all ${text}\n` });
    hears(heard, [BY_UPSTREAM, BY_MAILMAN], /^501 5\.\d\.\d ant@example\.test: Message has defects$/);
    assert.is(scene.people.with(text).length, 1);
    await later(scene);
    assert.is(scene.out.with(text).length, 0);
  });

  test("upstream refuses what is whole: nothing comes out of Mailman", async (scene) => {
    const text = token();
    const heard = await post(scene.port, { from: ALICE, to: [TO_ANT, PERSON], content: letter(text, TO_ANT, { subject: REFUSED_SUBJECT }) });
    hears(heard, [BY_MAILMAN, BY_UPSTREAM], /^554 5\.7\.1 Not with this subject$/);
    await later(scene);
    assert.is(scene.out.with(text).length, 0);
  });

  test("a line that Mailman does not take: refused for all, and nobody has it", async (scene) => {
    const text = token();
    const heard = await post(scene.port, { from: ALICE, to: [TO_ANT, PERSON], content: `${letter(text, TO_ANT)}${"x".repeat(1_500)}\n` });
    hears(heard, [BY_MAILMAN, BY_UPSTREAM], /^554 5\.6\.0 /);
    await later(scene);
    assert.equal([scene.out.with(text).length, scene.people.with(text).length], [0, 0]);
  });

  test("mixed: \"defer\": the kind that comes second is for another time", async (scene) => {
    const port = await scene.inProcess({ mixed: "defer" });
    const text = token();
    const heard = await post(port, { from: ALICE, to: [PERSON, TO_ANT, "dora@person.test"], content: letter(text, TO_ANT) });
    hears(heard, [BY_UPSTREAM, /^452 4\.5\.3 /, BY_UPSTREAM], ACCEPTED);
    assert.equal(scene.people.with(text).map(({ to }) => to), [[PERSON, "dora@person.test"]]);
    hears(await post(port, { from: ALICE, to: [TO_ANT, PERSON], content: letter(text, TO_ANT) }), [BY_MAILMAN, /^452 4\.5\.3 /], ACCEPTED);
    await scene.out.arrivedFor(text, BOB);
  });

  test("classic: the domain does not count, and a name has one dash", async (scene) => {
    const port = await scene.inProcess({ classic: true });
    const text = token();
    const heard = await post(port, { from: ALICE, to: ["ant@elsewhere.test", TO_BIG], content: letter(text, TO_ANT) });
    hears(heard, [BY_MAILMAN, /^550 5\.1\.1 No such person$/], ACCEPTED);
    await scene.out.arrivedFor(text, BOB);
  });
};

/** Mailman takes what comes in its order: with what was posted last all that was posted before is out, if it ever is. */
export async function later({ port, out }: Scene): Promise<void> {
  const text = token();
  assert.match((await post(port, { from: ALICE, to: [TO_ANT], content: letter(text, TO_ANT) })).final, ACCEPTED);
  await out.arrivedFor(text, ALICE, BOB);
}

function copies(letters: readonly { readonly to: readonly string[] }[], address: string): number {
  return letters.filter(({ to }) => to.includes(address)).length;
}
