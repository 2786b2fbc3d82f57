// Work that is given up when its time is over, or when nobody wants it any more.

/** What is needed of an AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A signal and its switch. An AbortController costs more than all else that is done for a small message. */
export class Stop implements Signal {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  abort(): void {
    this.aborted = true;
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** Of more, setTimeout makes a millisecond. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * What comes of `work`; `late` once `ms` have passed, or one of `stops` says so. The signal tells the work, so that it lets go of
 * what it holds.
 */
export async function inTime<T, L>(ms: number, late: L, work: (givenUp: Signal) => Promise<T>, stops: readonly Signal[] = []): Promise<T | L> {
  if (stops.some(({ aborted }) => aborted)) return late;
  const over = new Stop();
  let giveUp = (): void => {};
  const end = new Promise<L>((resolve) => {
    giveUp = () => {
      over.abort();
      resolve(late);
    };
  });
  const timer = setTimeout(giveUp, Math.min(ms, LONGEST_MS));
  for (const stop of stops) stop.addEventListener("abort", giveUp);
  return Promise.race([work(over), end]).finally(() => {
    clearTimeout(timer);
    for (const stop of stops) stop.removeEventListener("abort", giveUp);
  });
}
