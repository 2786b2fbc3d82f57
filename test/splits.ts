// All the ways to cut octets into segments that are worth trying.

/** Whole, octet by octet, and cut in two at every place. */
export function* splits(octets: Uint8Array): Generator<Uint8Array[]> {
  yield [octets];
  yield [...octets].map((octet) => Uint8Array.of(octet));
  for (let at = 1; at < octets.length; at++) yield [octets.slice(0, at), octets.slice(at)];
}

/** A repeatable stream of numbers from 0 up to, not including, `below`. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
