// Work that is given up when its time is over.

/** What comes of `work`; `late` once `ms` have passed. The signal tells the work, so that it lets go of what it holds. */
export async function inTime<T, L>(ms: number, late: L, work: (givenUp: AbortSignal) => Promise<T>): Promise<T | L> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<L>((resolve) => {
    timer = setTimeout(() => {
      over.abort();
      resolve(late);
    }, ms);
  });
  return Promise.race([work(over.signal), end]).finally(() => clearTimeout(timer));
}
