// What a client has heard of a message in the end, and what may have become of it then.

export const HOPS = ["upstream", "Mailman"] as const;
/** People's mail goes to the first, all in one copy; to the second a copy for each list. */
export type HopName = (typeof HOPS)[number];

/**
 * "lost": before the end of the data was sent. "in doubt": behind it, and what came was no word of a next hop's about the message.
 * "partly": behind it, and the reply names some of several recipients. 4yz and 5yz are refusals, at whatever step.
 */
export const OUTCOMES = ["250", "4yz", "5yz", "lost", "in doubt", "partly"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the proxy shows to a client that was not offered it, too: it belongs to no text. */
export const ENHANCED_CODE = /^\d\.\d+\.\d+ /;

/** The reply that decided. */
export interface Heard {
  readonly code: number;
  /** Without the enhanced code. */
  readonly lines: readonly string[];
  /** Whether the end of the data was sent. */
  readonly ended: boolean;
  /** Whether the proxy said it; otherwise the client did, since its connection was no more. */
  readonly byProxy: boolean;
}

/** What must be stored, what must not, and what nobody knows of. */
export type Fate = "stored" | "absent" | "in doubt";

/** One way in which it may have ended: for people, and for each list, whatever its names. */
export interface Ending {
  readonly people: Fate;
  readonly list: (names: readonly string[]) => Fate;
}

const everywhere = (fate: Fate): Ending => ({ people: fate, list: () => fate });
const NOWHERE = everywhere("absent");

/**
 * The end of the data goes to upstream, and when that has said 250, to all lists: a list's copy is never there before the people's.
 *
 * | heard, behind the end of the data | people | lists that it names  | other lists |
 * | --------------------------------- | ------ | -------------------- | ----------- |
 * | 250                               | yes    |                      | yes         |
 * | upstream's own words, or ours     | no     |                      | no          |
 * | "Upstream: ", of its connection   | ?      |                      | no          |
 * | names lists: given up before, or  | no     | no                   | no          |
 * |                      for them     | yes    | "Mailman: " ?, or no | yes         |
 * | nothing, while it was upstream's  | ?      |                      | no          |
 * |                turn, or the lists'| yes    |                      | ?           |
 */
export function endingsOf({ code, lines, ended, byProxy }: Heard): readonly Ending[] {
  if (code < 300) return [everywhere("stored")];
  if (!ended) return [NOWHERE];
  if (!byProxy) return [{ ...NOWHERE, people: "in doubt" }, { ...everywhere("in doubt"), people: "stored" }];
  const named = namedIn(lines);
  if (named.size > 0) return [NOWHERE, { people: "stored", list: (names) => names.map((name) => named.get(name)).find((fate) => fate !== undefined) ?? "stored" }];
  return [{ ...NOWHERE, people: isOfConnection(lines) ? "in doubt" : "absent" }];
}

/** Of how many copies it was one of. */
export function outcomeOf(heard: Heard, copies: number): Outcome {
  const { code, lines, ended, byProxy } = heard;
  if (code < 300) return "250";
  if (ended && !byProxy) return "in doubt";
  if (ended && copies > 1 && namedIn(lines).size > 0) return "partly";
  if (code >= 500) return "5yz";
  return !isOfConnection(lines) && byProxy ? "4yz" : ended ? "in doubt" : "lost";
}

/** A list that is to blame, and what the proxy says of its own accord of a connection. */
const LINE = /^(?:(\S+@\S+): )?((?:Upstream|Mailman): )?/;

/** The lists that a reply names, and what has become of their copies then. */
function namedIn(lines: readonly string[]): ReadonlyMap<string, Fate> {
  const named = lines.map((line) => LINE.exec(line)!).filter(([, address]) => address !== undefined);
  return new Map(named.map(([, address, ofConnection]) => [address!, ofConnection === undefined ? "absent" : "in doubt"]));
}

function isOfConnection([line = ""]: readonly string[]): boolean {
  return LINE.exec(line)![2] !== undefined;
}
