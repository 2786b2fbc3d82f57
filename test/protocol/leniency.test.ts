// The names of what is let pass. What each of them does is a dialogue: test/transcripts/17-leniencies.md.

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { leniencies, LENIENCIES, PRESETS, settings, type Leniency } from "../../dist/protocol/index.js";

const test = suite("leniency");

test("presets and names together; what is neither is refused", () => {
  assert.equal([...leniencies(["strict"])], []);
  assert.equal([...leniencies(["interoperable", "bare-lf", "hello-name"])], [...PRESETS.interoperable, "bare-lf"]);
  for (const name of ["", "Strict", "toString"]) assert.throws(() => leniencies([name as Leniency]), /is no leniency/);
});

test("without a word the server is interoperable; with line endings made CRLF a command may end in LF, too", () => {
  assert.equal([...settings().leniencies], [...PRESETS.interoperable]);
  assert.equal([...settings({ leniencies: ["strict"], lineEndings: "normalise" }).leniencies], ["bare-lf"]);
});

test("each is in a dialogue, and in the documents", () => {
  for (const file of ["test/transcripts/17-leniencies.md", "docs/security.md"]) {
    const text = readFileSync(file, "utf8");
    for (const name of Object.keys(LENIENCIES)) assert.ok(text.includes(name), `${name} in ${file}`);
  }
});

test.run();
