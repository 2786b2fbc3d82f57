// STARTTLS, RFC 3207: the sending end. Behind the 220 there is a handshake, and then the session starts over at EHLO.

import type { StartTls } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { REPLIES } from "../reply.js";

export const STARTTLS: Extension = {
  keyword: "STARTTLS",
  verbs: {
    STARTTLS: { format: () => "STARTTLS", ok: () => REPLIES.notImplemented, endsGroup: true, in: { ready: { 2: "hello" } } } satisfies Row<StartTls>,
  },
};
