// The same with a Postfix as the upstream, in the place of our own server.

import * as assert from "uvu/assert";
import { NO_SUCH_USER, Postfix, REFUSED_SUBJECT } from "../accounting/postfix.js";
import { find, quietPort } from "../accounting/processes.js";
import { later } from "./posting.js";
import { letter, swaks, token } from "./post.js";
import type { Cases } from "./scene.js";

const LIST = "ant@example.test";
const lacking = ["postfix", "postconf", "postcat"].find((program) => find(program) === undefined);
const why = lacking !== undefined ? `there is no ${lacking} (Debian's postfix)` : process.getuid?.() !== 0 ? "only root starts a Postfix" : undefined;

export const realUpstream: Cases = (test) => {
  test("Postfix upstream: to a list and people; its refusals are the client's", async (scene) => {
    const postfix = new Postfix(scene.folder, await quietPort());
    const [taken, refused] = [token(), token()];
    try {
      await postfix.server.start();
      const { port } = await scene.command(scene.mailman.cfg, postfix.server.port);
      const to = [LIST, `${NO_SUCH_USER}@person.test`, "no-such-list@example.test", "dora@person.test"];
      const heard = await swaks(port, { from: "alice@member.test", to, content: letter(taken, to.join(", ")) });
      assert.is(heard.rcpts.length, to.length);
      for (const [index, pattern] of [/^250 2\.0\.0 Ok$/, /^550 5\.1\.1 .*no such user$/, /^250 2\.1\.5 Ok$/, /^250 2\.1\.5 Ok$/].entries()) assert.match(heard.rcpts[index]!, pattern);
      assert.match(heard.final, /^250 2\.0\.0 /);
      await scene.out.arrivedFor(taken, "alice@member.test", "bob@b.test");

      const mixed = { from: "alice@member.test", to: [LIST, "dora@person.test"], content: letter(refused, LIST, { subject: REFUSED_SUBJECT }) };
      assert.match((await swaks(port, mixed)).final, /^550 5\.7\.1 not with this subject$/);
      await later(scene);
      assert.is(scene.out.with(refused).length, 0);
    } finally {
      await postfix.server.kill();
    }
    const stored = postfix.stored();
    assert.equal(stored.map(({ recipients }) => recipients), [["no-such-list@example.test", "dora@person.test"]]);
    assert.match(stored[0]!.content, new RegExp(taken));
  }, why, lacking !== undefined);
};
