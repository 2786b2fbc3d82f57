// A list's eight sub-addresses: each does in Mailman what it is for.

import * as assert from "uvu/assert";
import { until } from "../accounting/processes.js";
import type { Letter } from "./mailboxes.js";
import { letter, post, token } from "./post.js";
import { OWNER, type Cases, type Scene } from "./scene.js";

/** Of a message, in Mailman's database. */
const EFFECT_MS = 40_000;
const LIST = "ant@example.test";

function sub(name: string): string {
  return `ant-${name}@example.test`;
}

/** Taken by Mailman, and said so. */
async function send({ port }: Scene, from: string, to: string, content: string): Promise<void> {
  const heard = await post(port, { from, to: [to], content });
  assert.equal(heard.rcpts, ["250 2.0.0 Ok"], to);
  assert.match(heard.final, /^250 /, to);
}

/** What Mailman writes to somebody who wants something that has to be confirmed. Gives the address that the answer goes to. */
async function asked(scene: Scene, name: string, who: string): Promise<string> {
  await send(scene, who, sub(name), letter(token(), sub(name), { from: who, subject: name }));
  const is = ({ to, content }: Letter): boolean => to.includes(who) && CONFIRM.test(content);
  const { content } = await scene.out.arrived(is, `the question after ${name}`);
  return CONFIRM.exec(content)![1]!;
}

const CONFIRM = /^From: (ant-confirm\+[0-9a-f]{40}@example\.test)$/m;

async function isMember({ mailman }: Scene, who: string, is: boolean): Promise<void> {
  const asExpected = (): Promise<boolean> => mailman.admin.member(LIST, who).then((found) => (found !== undefined) === is, () => false); // 500 in the middle of it
  await until(asExpected, `${who} is ${is ? "a" : "no"} member`, EFFECT_MS);
}

/** A bounce of a member's, to the address that Mailman made for it. No field names that address: only the envelope does. */
function bounceOf(member: string): string {
  return `From: MAILER-DAEMON@b.test
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=="

--==
Content-Type: text/plain

There is no such user.

--==
Content-Type: message/delivery-status

Reporting-MTA: dns; b.test

Final-Recipient: rfc822; ${member}
Action: failed
Status: 5.1.1

--==
Content-Type: message/rfc822

Subject: what came back

--==--
`;
}

export const subAddresses: Cases = (test) => {
  test("request: the command is answered", async (scene) => {
    await send(scene, "asker@b.test", sub("request"), letter("", sub("request"), { from: "asker@b.test", subject: "help" }));
    const { content } = await scene.out.arrived(({ to }) => to.includes("asker@b.test"), "the answer");
    assert.match(content, /results of your email commands/i);
  });

  test("owner: it reaches the owner", async (scene) => {
    const text = token();
    const owner = "my-big-list-owner@example.test";
    await send(scene, "asker@b.test", owner, letter(text, owner, { from: "asker@b.test" }));
    await scene.out.arrivedFor(text, OWNER);
  });

  test("a list that is called ant-owner goes before the owner of ant", async (scene) => {
    const text = token();
    await send(scene, "alice@member.test", sub("owner"), letter(text, sub("owner")));
    const { content } = await scene.out.arrived((each) => each.content.includes(text), "the posting");
    assert.match(content, /^List-Id: <ant-owner\.example\.test>$/m);
  });

  for (const [join, leave] of [["join", "leave"], ["subscribe", "unsubscribe"]] as const) {
    test(`${join}, confirm, ${leave}, confirm: a member, and none any more`, async (scene) => {
      const who = `by-${join}@b.test`;
      const confirm = async (address: string): Promise<void> => send(scene, who, address, letter("", address, { from: who, subject: "Re: confirm" }));
      await confirm(await asked(scene, join, who));
      await isMember(scene, who, true);
      scene.out.letters.length = 0; // the next question is another
      await confirm(await asked(scene, leave, who));
      await isMember(scene, who, false);
    });
  }

  const bounces: { readonly [name: string]: readonly [list: string, address: string, member: string] } = {
    "bounces": [LIST, "ant-bounces+bob=b.test@example.test", "bob@b.test"],
    "bounces in upper case": ["my-big-list@example.test", "My-Big-List-BOUNCES+bob=b.test@Example.Test", "bob@b.test"],
    "bounces in an alias of the domain": ["xyz@virt.test", "xyz-bounces+bob=b.test@x-virt.test", "bob@b.test"],
  };
  for (const [name, [list, address, member]] of Object.entries(bounces)) {
    test(`${name}: Mailman counts it against the member`, async (scene) => {
      assert.is((await scene.mailman.admin.member(list, member))?.bounce_score, 0);
      await send(scene, "", address, bounceOf(member));
      await until(async () => (await scene.mailman.admin.member(list, member))?.bounce_score === 1, "the bounce is counted", EFFECT_MS);
    });
  }
};
