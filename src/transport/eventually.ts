// What may take time.

export type Eventually<T> = T | PromiseLike<T>;
