// PIPELINING, RFC 2920. The engine always reads ahead and answers in order; the keyword tells the client that it may rely on it.

import type { Extension } from "../extension.js";

export const PIPELINING: Extension = { keyword: "PIPELINING" };
