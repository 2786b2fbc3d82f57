// ENHANCEDSTATUSCODES, RFC 2034. Every reply value carries its enhanced code; where this is offered, every line shows it.

import type { Extension } from "../extension.js";

export const ENHANCED_STATUS_CODES: Extension = { keyword: "ENHANCEDSTATUSCODES", endToEnd: true };
