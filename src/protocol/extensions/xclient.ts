// XCLIENT, of Postfix's XCLIENT_README: the peer speaks for a client of its own, and from here on the session is that client's. It
// starts over like a new connection: who it is now is asked with `connect`, and the greeting, or a refusal, is the reply.

import { TEMPORARILY_UNAVAILABLE, UNAVAILABLE, type XClient } from "../command.js";
import type { Extension, Row } from "../extension.js";
import {
  addressAttribute, forwarding, hostNameAttribute, loginAttribute, orUnavailable, portAttribute, tokenAttribute, wordsOr,
} from "../forwarding.js";
import { reply } from "../reply.js";

/** A hook has to take part: whom the engine talks to is not its affair. */
const NOBODY = reply(550, "5.7.0", "Nobody here would know that you are somebody else", "XCLIENT_README");

export const XCLIENT: Extension = forwarding("XCLIENT", {
  NAME: wordsOr([UNAVAILABLE, TEMPORARILY_UNAVAILABLE], hostNameAttribute),
  ADDR: orUnavailable(addressAttribute),
  PORT: orUnavailable(portAttribute),
  PROTO: wordsOr(["SMTP", "ESMTP"]),
  HELO: orUnavailable(tokenAttribute),
  LOGIN: orUnavailable(loginAttribute),
  DESTADDR: orUnavailable(addressAttribute),
  DESTPORT: orUnavailable(portAttribute),
}, {
  ok: () => NOBODY,
  endsGroup: true,
  in: { hello: { 2: "connect" }, ready: { 2: "connect" } },
} satisfies Row<XClient>);
