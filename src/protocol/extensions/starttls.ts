// STARTTLS, RFC 3207: behind the 220 there is a handshake, and then the session starts over at EHLO. The engine asks for the
// handshake with a step of that name; what came before it is dropped, and all that was known of the peer forgotten.

import type { StartTls } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { reply } from "../reply.js";
import { withoutArgument } from "../verbs.js";

const GO_AHEAD = reply(220, "2.0.0", "Ready to start TLS", "RFC 3207 §4");
const SECURE_ALREADY = reply(503, "5.5.1", "TLS is in use already", "RFC 3207 §4.2");

const row = withoutArgument("STARTTLS", () => GO_AHEAD, "starttls-argument");

export const STARTTLS: Extension = {
  keyword: "STARTTLS",
  offered: ({ secure }) => !secure,
  verbs: {
    STARTTLS: {
      ...row,
      parse: (scan, terms) => (terms.secure ? SECURE_ALREADY : row.parse(scan, terms)),
      endsGroup: true,
      in: { ready: { 2: "hello" } },
    } satisfies Row<StartTls>,
  },
};
