// MailmanProxy between real mail programs, a real Mailman 3 and an upstream. There is one Mailman for all tests.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testIf } from "../tools.js";
import { agreement } from "./agreement.js";
import { lookups } from "./lookups.js";
import { missing } from "./mailman.js";
import { posting } from "./posting.js";
import { realUpstream } from "./real-upstream.js";
import { Scene, type Cases } from "./scene.js";
import { subAddresses } from "./sub-addresses.js";
import { trouble } from "./trouble.js";

const test = suite("mailman");
let scene: Scene;

if (missing === undefined) {
  test.before(async () => void (scene = await Scene.set()));
  test.after(() => scene.close());
}

const last: Cases = (test) => test("no proxy has ended by itself, or shown a password", async ({ problems }) => assert.equal(problems, []));

const ALL: readonly Cases[] = [posting, realUpstream, subAddresses, lookups, agreement, trouble, last];
for (const cases of ALL) cases((name, body, why, installable) => testIf(missing ?? why, test, name, () => body(scene), missing !== undefined || installable));

test.run();
