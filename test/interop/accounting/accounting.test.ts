// Every message that is sent through the proxy, against every message that its upstream has stored, while both are killed and
// things go wrong between them at every step: what was acknowledged is there, what was refused is not.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testIf } from "../tools.js";
import { isFault, KINDS, STEPS, type Schedule } from "./faults.js";
import { Ledger, OUTCOMES } from "./ledger.js";
import { OwnClient } from "./own-client.js";
import { NO_SUCH_USER, Postfix, TRY_LATER } from "./postfix.js";
import { find } from "./processes.js";
import { Scene, type Store } from "./scene.js";
import { Sink } from "./sink.js";
import { smtpSource } from "./smtp-source.js";

const test = suite("accounting");

interface Scenario {
  readonly make: (folder: string, port: number) => Store;
  /** A process of smtp-source for each: what stands behind the number of a recipient. */
  readonly tags: readonly string[];
  /** At least: from smtp-source, and from our own client. */
  readonly messages: { readonly source: number; readonly own: number };
  readonly seed: number;
}

const SOURCES = ["smtp-source", "own client"];
const OWN_CLIENTS = 8;
const MESSAGES_A_PROCESS = 40;
/** It is sent until both have been killed as often as that. */
const LEAST_KILLS = 8;
const PATIENCE_MS = 120_000;

const FAULTS = STEPS.flatMap((step) => KINDS.filter((kind) => isFault(step, kind)).map((kind) => ({ step, kind })));

async function account(name: string, { make, tags, messages, seed }: Scenario): Promise<void> {
  const scene = await Scene.set(make, seed);
  const ledger = new Ledger();
  const client = new OwnClient(scene.proxy.port, ledger);
  const goesOn = (count: number, least: number): boolean => !scene.stopped.aborted && (count < least || scene.kills < LEAST_KILLS);
  const summary: string[] = [];
  let sent = 0;
  const source = async (tag: string): Promise<void> => {
    for (let nth = 0; goesOn(sent, messages.source); nth++) {
      const more = await smtpSource(scene.proxy.port, `${tag}p${nth}`, MESSAGES_A_PROCESS, ledger);
      sent += more; // not in one: others have added theirs meanwhile
    }
  };
  let number = 0;
  const own = async (): Promise<void> => {
    while (goesOn(number, messages.own)) await client.deliver(++number);
  };
  const late = setTimeout(() => scene.giveUp(), PATIENCE_MS);
  try {
    await scene.start();
    await scene.during(Promise.all([...tags.map(source), ...Array.from({ length: OWN_CLIENTS }, own)]));
    const stored = scene.store.stored();
    const { duplicates } = ledger.audit(stored);
    summary.push(`${ledger.messages} messages sent, ${stored.length} copies stored, of them ${duplicates} of a message that was there already`);
  } finally {
    clearTimeout(late);
    print(name, ledger, scene.schedule, [...summary, `killed: upstream ${scene.store.server.kills} times, proxy ${scene.proxy.kills} times`]);
    client.close();
    await scene.close();
  }
  const problems = [...ledger.problems, ...scene.problems];
  assert.is(problems.length, 0, `${problems.length} problems:\n${problems.slice(0, 20).join("\n")}`);
  assert.equal(FAULTS.filter(({ step, kind }) => scene.schedule.hits(step, kind) === 0), [], "each fault was met");
  for (const each of SOURCES) assert.equal(OUTCOMES.filter((outcome) => ledger.counts(each)[outcome] === 0), [], `${each}: each outcome was met`);
}

function print(name: string, ledger: Ledger, schedule: Schedule, summary: readonly string[]): void {
  const row = (head: string, cells: readonly (string | number)[]): string => `${head.padEnd(12)}${cells.map((cell) => `${cell}`.padStart(9)).join("")}`;
  const heard = SOURCES.map((source) => row(source, OUTCOMES.map((outcome) => ledger.counts(source)[outcome])));
  const hits = STEPS.map((step) => row(step, KINDS.map((kind) => (isFault(step, kind) ? schedule.hits(step, kind) : ""))));
  console.log([`\n${name}:`, ...summary, row("heard", OUTCOMES), ...heard, row("faults", KINDS), ...hits].join("\n  "));
}

const SCENARIOS: { readonly [name: string]: Scenario & { readonly needs: readonly string[]; readonly root: boolean } } = {
  "smtp-sink": {
    make: (folder, port) => new Sink(folder, port),
    tags: ["a", "b", "c", "d", "e", "f"],
    messages: { source: 1_200, own: 800 },
    seed: 1,
    needs: ["smtp-sink", "smtp-source"],
    root: false,
  },
  "Postfix": {
    make: (folder, port) => new Postfix(folder, port),
    tags: ["a", "b", "c", "d", NO_SUCH_USER, TRY_LATER],
    messages: { source: 1_200, own: 700 },
    seed: 2,
    needs: ["postfix", "postconf", "postcat", "smtp-source"],
    root: true,
  },
};

for (const [name, { needs, root, ...scenario }] of Object.entries(SCENARIOS)) {
  const missing = needs.find((program) => find(program) === undefined);
  const why = missing !== undefined ? `there is no ${missing} (Debian's postfix)` : root && process.getuid?.() !== 0 ? "only root starts a Postfix" : undefined;
  testIf(why, test, name, () => account(name, scenario), missing !== undefined);
}

test.run();
