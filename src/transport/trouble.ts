// What goes wrong on the way upstream, as replies that can be passed on: 451, and the client may try again (RFC 5321 §4.2.1). The
// words are ours, but for those of upstream's own replies.

import { reply, type Loss, type Reply } from "../protocol/index.js";

export function trouble(enhanced: string, text: string): Reply {
  return reply(451, enhanced, `Upstream: ${text}`, "RFC 5321 §4.2.2");
}

export const TROUBLES = {
  noNextHop: trouble("4.4.4", "there is none"),
  noAddress: trouble("4.4.4", "it has no address"),
  nullMx: trouble("4.4.4", "its domain takes no mail (RFC 7505)"),
  noLookup: trouble("4.4.3", "its address cannot be looked up"),
  ourselves: trouble("4.4.6", "it is this server itself"),
  tooMany: trouble("4.3.2", "too many connections"),
  notReached: trouble("4.4.1", "not reached in time"),
  noAnswer: trouble("4.4.1", "no answer"),
  closed: trouble("4.4.2", "connection closed"),
  noReply: trouble("4.4.2", "no reply in time"),
  unasked: trouble("4.5.0", "a reply that nobody asked for"),
  unexpected: trouble("4.5.0", "a reply that makes no sense"),
  malformed: trouble("4.5.0", "what it says is no reply"),
  endless: trouble("4.5.0", "a reply without end"),
  injected: trouble("4.7.0", "octets between STARTTLS and the handshake"),
  tlsNotOffered: trouble("4.7.4", "TLS is required, and not offered"),
  noMechanism: trouble("4.7.0", "no mechanism of AUTH that may be used here"),
  noSecret: trouble("4.7.0", "there is no password or token"),
  noLogin: trouble("4.7.8", "we could not log in"),
  shuttingDown: trouble("4.3.2", "we are shutting down"),
  noTransaction: trouble("4.3.2", "no transaction"),
} as const;

const LOSSES: { readonly [why in Exclude<Loss["why"], "refused">]: Reply } = {
  "closed": TROUBLES.closed,
  "timed out": TROUBLES.noReply,
  "unasked reply": TROUBLES.unasked,
  "unexpected reply": TROUBLES.unexpected,
  "malformed reply": TROUBLES.malformed,
  "reply too long": TROUBLES.endless,
  "octets behind STARTTLS": TROUBLES.injected,
};

/** Why a session was lost. Upstream's 421 is a 451 to a client of ours: it is not our session that ends (§3.8). */
export function troubleIn({ why, reply: said }: Loss): Reply {
  if (why !== "refused") return LOSSES[why];
  return said!.code === 421 ? { ...said!, code: 451, enhanced: said!.enhanced || "4.3.2" } : said!;
}

/** A refusal from before the transaction says nothing of the mail: it may well be taken later, or by another host. */
export function forNow({ code, enhanced, lines }: Reply): Reply {
  return reply(451, enhanced === "" ? "4.4.0" : `4${enhanced.slice(1)}`, [`Upstream: ${code} ${lines[0]}`, ...lines.slice(1)], "RFC 5321 §4.2.2");
}

/** What an error of a socket comes to. Of it there is the code alone: what else it holds may be the peer's words. */
export function troubleOf({ code = "unknown" }: { readonly code?: string | undefined }, connecting: "connect" | "secureConnect"): Reply {
  return connecting === "connect" ? trouble("4.4.1", `cannot connect (${code})`) : trouble("4.7.5", `no TLS (${code})`);
}
