// One clock looks at the times of many connections now and then: no timer is made for each of them, none armed for each wait.

const BOUNDS_MS = { least: 10, most: 1_000 };

/** Milliseconds from one look to the next: a share of the shortest of these times, in milliseconds. Those that never end do not count. */
export function tickMs(times: readonly number[], share: number): number {
  return Math.max(BOUNDS_MS.least, Math.min(BOUNDS_MS.most, Math.min(...times.filter(Number.isFinite)) * share));
}
