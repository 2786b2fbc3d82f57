// EXPN, RFC 5321 §4.1.1.7. Without it the verb is known and not implemented; with it, it is offered (§3.5.2), and has a hook.

import type { Extension } from "../extension.js";
import { REPLIES } from "../reply.js";
import { withString } from "../verbs.js";

export const EXPN: Extension = {
  keyword: "EXPN",
  verbs: { EXPN: { ...withString("EXPN", "EXPN string", () => REPLIES.cannotExpand, true), endsGroup: true } },
};
