// HELP, RFC 5321 §4.1.1.8. Optional, so it has a keyword in the answer to EHLO (§4.1.1.1). Its texts come from the composed rows.

import type { WithString } from "../command.js";
import type { Extension, Terms } from "../extension.js";
import { REPLIES, reply, type Reply } from "../reply.js";
import { withString } from "../verbs.js";

export const HELP: Extension = {
  keyword: "HELP",
  verbs: { HELP: withString("HELP", "HELP [SP verb]", help, false) },
};

function help({ string }: WithString, { grammar, permitted }: Terms): Reply {
  const verbs = [...grammar.rows].filter(([verb, row]) => row.syntax !== undefined && (row.privileged !== true || permitted.has(verb))).map(([verb]) => verb);
  if (string === "") return reply(214, "2.0.0", `Supported commands: ${verbs.join(" ")}`, "RFC 5321 §4.1.1.8");
  const syntax = grammar.rows.get(string.toUpperCase())?.syntax;
  return syntax === undefined ? REPLIES.topicUnknown : reply(214, "2.0.0", `Syntax: ${syntax}`, "RFC 5321 §4.1.1.8");
}
