// BINARYMIME, RFC 3030 §3: BODY=BINARYMIME says that the message is any octets, not lines. It comes in chunks alone.

import type { Extension } from "../extension.js";

export const BINARYMIME: Extension = { keyword: "BINARYMIME", endToEnd: true, needs: ["CHUNKING", "8BITMIME"] };
