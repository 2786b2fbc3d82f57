// Work that is given up when its time is over.

/**
 * What comes of `work`; `late` once `ms` have passed, or one of `stops` says so. The signal tells the work, so that it lets go of
 * what it holds.
 */
export async function inTime<T, L>(ms: number, late: L, work: (givenUp: AbortSignal) => Promise<T>, stops: readonly AbortSignal[] = []): Promise<T | L> {
  const over = new AbortController();
  let giveUp = (): void => {};
  const end = new Promise<L>((resolve) => {
    giveUp = () => {
      over.abort();
      resolve(late);
    };
  });
  const timer = setTimeout(giveUp, ms);
  for (const stop of stops) stop.addEventListener("abort", giveUp);
  if (stops.some(({ aborted }) => aborted)) giveUp();
  return Promise.race([work(over.signal), end]).finally(() => {
    clearTimeout(timer);
    for (const stop of stops) stop.removeEventListener("abort", giveUp);
  });
}
