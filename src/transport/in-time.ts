// Work that is given up when its time is over.

import { setMaxListeners } from "node:events";

/** What is needed of an AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * What comes of `work`; `late` once `ms` have passed, or one of `stops` says so. The signal tells the work, so that it lets go of
 * what it holds.
 */
export async function inTime<T, L>(ms: number, late: L, work: (givenUp: Signal) => Promise<T>, stops: readonly Signal[] = []): Promise<T | L> {
  const over = new AbortController();
  setMaxListeners(0, over.signal); // one for each address that is tried
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
