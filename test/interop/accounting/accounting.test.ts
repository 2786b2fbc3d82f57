// Every message that is sent through the proxy, against every message that its next hops have stored, while all are killed and
// things go wrong between them at every step: what was acknowledged is there, what was refused is not.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { testIf } from "../tools.js";
import { isFault, KINDS, STEPS } from "./faults.js";
import { HOPS, OUTCOMES, type HopName } from "./heard.js";
import type { Hop } from "./hop.js";
import { EXTENTS, Ledger, type Extent } from "./ledger.js";
import { OwnClient } from "./own-client.js";
import { mixedPlanOf, planOf, type Plan } from "./plan.js";
import { NO_SUCH_USER, Postfix, TRY_LATER } from "./postfix.js";
import { find } from "./processes.js";
import { Scene, type Stores } from "./scene.js";
import { Sink } from "./sink.js";
import { smtpSource } from "./smtp-source.js";

const test = suite("accounting");

interface Scenario {
  readonly stores: Stores;
  /** A process of smtp-source for each: what stands behind the number of a recipient. */
  readonly tags: { readonly [at in HopName]?: readonly string[] };
  readonly planOf: (number: number) => Plan;
  /** At least: from smtp-source, and from our own client. */
  readonly messages: { readonly source: number; readonly own: number };
  readonly seed: number;
}

const DOMAINS = { upstream: "d.test", Mailman: "lists.test" };
const SOURCES = ["smtp-source", "own client"];
const OWN_CLIENTS = 8;
const MESSAGES_A_PROCESS = 40;
/** It is sent until all have been killed as often as that. */
const LEAST_KILLS = 8;
const PATIENCE_MS = 120_000;

const FAULTS = STEPS.flatMap((step) => KINDS.filter((kind) => isFault(step, kind)).map((kind) => ({ step, kind })));

async function account(name: string, { stores, tags, planOf, messages, seed }: Scenario): Promise<void> {
  const scene = await Scene.set(stores, seed);
  const ledger = new Ledger();
  const client = new OwnClient(scene.proxy.port, ledger, planOf);
  const goesOn = (count: number, least: number): boolean =>
    !scene.stopped.aborted && scene.dead.length === 0 && (count < least || Object.values(scene.kills).some((kills) => kills < LEAST_KILLS));
  const summary: string[] = [];
  let sent = 0;
  const source = async (tag: string, at: HopName): Promise<void> => {
    for (let nth = 0; goesOn(sent, messages.source); nth++) {
      const more = await smtpSource(scene.proxy.port, `${tag}p${nth}@${DOMAINS[at]}`, at, MESSAGES_A_PROCESS, ledger);
      sent += more; // not in one: others have added theirs meanwhile
    }
  };
  let number = 0;
  const own = async (): Promise<void> => {
    while (goesOn(number, messages.own)) await client.deliver(++number);
  };
  const late = setTimeout(() => scene.giveUp(), PATIENCE_MS);
  const sources = (at: HopName): Promise<void>[] => (tags[at] ?? []).map((tag) => source(tag, at));
  try {
    await scene.start();
    await scene.during(Promise.all([...HOPS.flatMap(sources), ...Array.from({ length: OWN_CLIENTS }, own)]));
    const stored = scene.hops.flatMap((hop) => hop.stored());
    const { duplicates } = ledger.audit(stored);
    summary.push(`${ledger.messages} messages sent, ${stored.length} copies stored, of them ${duplicates} of a message that was there already`);
  } finally {
    clearTimeout(late);
    const kills = Object.entries(scene.kills).map(([server, times]) => `${server} ${times} times`);
    print(name, ledger, scene.hops, [...summary, `killed: ${kills.join(", ")}`]);
    client.close();
    await scene.close();
  }
  const problems = [...ledger.problems, ...scene.problems];
  assert.is(problems.length, 0, `${problems.length} problems:\n${problems.slice(0, 20).join("\n")}`);
  for (const hop of scene.hops) assert.equal(FAULTS.filter(({ step, kind }) => hop.schedule.hits(step, kind) === 0), [], `each fault was met on the way to ${hop.name}`);
  for (const source of SOURCES) assert.equal(unmet(ledger, source, scene.hops.length > 1 && source === "own client"), [], `${source}: each outcome was met`);
}

/** Of messages with several copies, those that are in doubt, or refused in part, end in any way. */
function unmet(ledger: Ledger, source: string, severalCopies: boolean): readonly string[] {
  const needed = OUTCOMES.filter((outcome) => outcome !== "partly" || severalCopies);
  const stored = severalCopies ? EXTENTS.flatMap((extent) => (["in doubt", "partly"] as const).map((outcome) => ({ outcome, extent }))) : [];
  return [
    ...needed.filter((outcome) => ledger.count(source, outcome) === 0),
    ...stored.filter(({ outcome, extent }) => ledger.count(source, outcome, extent) === 0).map(({ outcome, extent }) => `${outcome}, stored ${extent}`),
  ];
}

function print(name: string, ledger: Ledger, hops: readonly Hop[], summary: readonly string[]): void {
  const row = (head: string, cells: readonly (string | number)[]): string => `${head.padEnd(14)}${cells.map((cell) => `${cell}`.padStart(9)).join("")}`;
  const outcomes = (head: string, source: string, extent?: Extent): string => row(head, OUTCOMES.map((outcome) => ledger.count(source, outcome, extent)));
  const heard = SOURCES.flatMap((source) => [outcomes(source, source), ...EXTENTS.map((extent) => outcomes(`  ${extent}`, source, extent))]);
  const faults = ({ name, schedule }: Hop): string[] => {
    const hits = STEPS.map((step) => row(`  ${step}`, KINDS.map((kind) => (isFault(step, kind) ? schedule.hits(step, kind) : ""))));
    return [row(`to ${name}`, KINDS), ...hits];
  };
  console.log([`\n${name}:`, ...summary, row("heard, stored", OUTCOMES), ...heard, ...hops.flatMap(faults)].join("\n  "));
}

const SCENARIOS: { readonly [name: string]: Scenario & { readonly needs: readonly string[]; readonly root: boolean } } = {
  "smtp-sink": {
    stores: { upstream: (folder, port) => new Sink(folder, port) },
    tags: { upstream: ["a", "b", "c", "d", "e", "f"] },
    planOf,
    messages: { source: 1_200, own: 800 },
    seed: 1,
    needs: ["smtp-sink", "smtp-source"],
    root: false,
  },
  "Postfix": {
    stores: { upstream: (folder, port) => new Postfix(folder, port) },
    tags: { upstream: ["a", "b", "c", "d", NO_SUCH_USER, TRY_LATER] },
    planOf,
    messages: { source: 1_200, own: 700 },
    seed: 2,
    needs: ["postfix", "postconf", "postcat", "smtp-source"],
    root: true,
  },
  "lists and people": {
    stores: { upstream: (folder, port) => new Sink(folder, port), Mailman: (folder, port) => new Sink(folder, port, { lmtp: true }) },
    tags: { upstream: ["a", "b"], Mailman: ["l+c", "l+d"] },
    planOf: mixedPlanOf,
    messages: { source: 1_600, own: 700 },
    seed: 3,
    needs: ["smtp-sink", "smtp-source"],
    root: false,
  },
};

for (const [name, { needs, root, ...scenario }] of Object.entries(SCENARIOS)) {
  const missing = needs.find((program) => find(program) === undefined);
  const why = missing !== undefined ? `there is no ${missing} (Debian's postfix)` : root && process.getuid?.() !== 0 ? "only root starts a Postfix" : undefined;
  testIf(why, test, name, () => account(name, scenario), missing !== undefined);
}

test.run();
