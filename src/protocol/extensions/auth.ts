// AUTH, RFC 4954: the sending end. Mechanisms are not the engine's: it carries their base64 to and fro.

import type { Auth } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { REPLIES } from "../reply.js";

export const AUTH: Extension = {
  keyword: "AUTH",
  verbs: {
    AUTH: {
      format: ({ mechanism, initial }) => `AUTH ${mechanism}${initial === undefined ? "" : ` ${initial}`}`,
      ok: () => REPLIES.notImplemented,
      endsGroup: true,
      in: { ready: { 2: "same", 3: "auth" } },
    } satisfies Row<Auth>,
  },
  lineOctets: { response: 11_776 }, // RFC 4954 §4: 12,288 in all, but for AUTH itself no more than for others
};
