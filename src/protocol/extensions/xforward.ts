// XFORWARD, of Postfix's XFORWARD_README: the peer tells whom the next message came from, so that logs have it. It changes nothing of
// who the peer is, or what it may do. Several commands add up; MAIL has what they told, and with the transaction it is over.

import { UNAVAILABLE, type Forwarded, type XForward } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { addressAttribute, forwarding, orUnavailable, portAttribute, protocolAttribute, tokenAttribute, wordsOr } from "../forwarding.js";
import { REPLIES } from "../reply.js";

export const XFORWARD: Extension = forwarding("XFORWARD", {
  NAME: orUnavailable(tokenAttribute),
  ADDR: orUnavailable(addressAttribute),
  PORT: orUnavailable(portAttribute),
  PROTO: orUnavailable(protocolAttribute),
  HELO: orUnavailable(tokenAttribute),
  IDENT: orUnavailable(tokenAttribute),
  SOURCE: wordsOr(["LOCAL", "REMOTE", UNAVAILABLE]),
}, {
  ok: () => REPLIES.ok,
  agree: (terms, { attributes }) => {
    terms.forwarded = { ...terms.forwarded, ...attributes };
  },
  in: { ready: { 2: "same" } },
} satisfies Row<XForward>);

/** What fits in one line, whatever the values are (note 2). */
const LINES = [["NAME", "ADDR", "PORT"], ["PROTO", "HELO"], ["IDENT", "SOURCE"]] as const satisfies readonly (readonly (keyof Forwarded)[])[];

/** The commands that tell it to a server, of the attributes that stand behind XFORWARD in its answer to EHLO. */
export function xforwards(forwarded: Forwarded, offered: string): XForward[] {
  const known = offered.toUpperCase().split(" ");
  return LINES.flatMap((names) => {
    const told = names.filter((name) => known.includes(name) && forwarded[name] !== undefined);
    return told.length === 0 ? [] : { type: "XFORWARD", attributes: Object.fromEntries(told.map((name) => [name, forwarded[name]!])) };
  });
}
