// Every dialogue in transcripts/*.md, at every segmentation.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { clientTranscripts, playClient } from "./client-transcript.js";
import { play, transcripts } from "./transcript.js";

const PAGES = new URL("../test/transcripts/", import.meta.url);
const all = transcripts(PAGES);
const ofClients = clientTranscripts(PAGES);

test("there are the scenarios of Appendix D and at least forty more", () => {
  const fromAppendixD = all.filter(({ title }) => title.startsWith("Appendix D"));
  assert.is(fromAppendixD.length, 5);
  assert.ok(all.length - fromAppendixD.length >= 40, `${all.length}`);
});

test("each says which clause it shows", () => {
  for (const { title, prose } of [...all, ...ofClients]) assert.match(prose, /RFC \d+ (§|Appendix )|X(CLIENT|FORWARD)_README/, title);
});

for (const transcript of all) {
  test(`${transcript.file}: ${transcript.title}`, () => {
    assert.ok(play(transcript) > 0);
  });
}

for (const transcript of ofClients) {
  test(`${transcript.file}: ${transcript.title}`, () => {
    assert.ok(playClient(transcript) > 0);
  });
}

test.run();
