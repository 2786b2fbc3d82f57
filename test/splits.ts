// All the ways to cut octets into segments that are worth trying.

/** Whole, octet by octet, and cut in two at every place. */
export function* splits(octets: Uint8Array): Generator<Uint8Array[]> {
  yield [octets];
  yield [...octets].map((octet) => Uint8Array.of(octet));
  for (let at = 1; at < octets.length; at++) yield [octets.slice(0, at), octets.slice(at)];
}

/** Octets cut at random, into pieces of up to `most`. */
export function* cut(octets: Uint8Array, most: number, below: (below: number) => number): Generator<Uint8Array> {
  for (let at = 0; at < octets.length; ) {
    const to = at + 1 + below(most);
    yield octets.subarray(at, to);
    at = to;
  }
}

/** Tries what has to hold for everything, with so many seeds; with the one in the environment's SEED alone. A failure names its seed. */
export function forAll(runs: number, holds: (below: (below: number) => number) => void): void {
  const only = process.env["SEED"];
  for (let seed = only === undefined ? 1 : Number(only); seed <= (only === undefined ? runs : Number(only)); seed++) {
    try {
      holds(random(Math.imul(seed, SCATTER)));
    } catch (error) {
      const { message, details = "" } = error as Error & { readonly details?: string };
      throw new Error(`SEED=${seed}: ${message}${details}`, { cause: error });
    }
  }
}

/** Seeds that are neighbours begin far apart (Knuth's multiplicative hash). */
const SCATTER = 0x9e3779b1;

/** A repeatable stream of numbers from 0 up to, not including, `below`. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
