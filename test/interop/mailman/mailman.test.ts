// MailmanProxy between real mail programs, a real Mailman 3 and an upstream. There is one Mailman for all tests.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testIf } from "../tools.js";
import { missing } from "./mailman.js";
import { posting } from "./posting.js";
import { Scene, type Cases } from "./scene.js";
import { lookups } from "./lookups.js";
import { subAddresses } from "./sub-addresses.js";

const test = suite("mailman");
let scene: Scene;

if (missing === undefined) {
  test.before(async () => void (scene = await Scene.set()));
  test.after(() => scene.close());
}

const last: Cases = (test) => test("no proxy has ended by itself, or shown a password", async ({ problems }) => assert.equal(problems, []));

const ALL: readonly Cases[] = [posting, subAddresses, lookups, last];
for (const cases of ALL) cases((name, body) => testIf(missing, test, name, () => body(scene)));

test.run();
