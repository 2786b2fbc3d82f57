// ETRN, RFC 1985: somebody who was away asks for the mail that waits. Nothing is promised without a hook: it starts the queue, and
// answers with 250 to 253, or 459 (§5.1). It is between two neighbours, so nothing for a relay to pass on.

import { isAscii } from "../bytes.js";
import type { Etrn } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { reply } from "../reply.js";
import { domain, word } from "../syntax.js";
import { atEnd, badSyntax } from "../verbs.js";

const ETRN_SYNTAX = "ETRN [@]domain / ETRN #queue";

export const ETRN: Extension = {
  keyword: "ETRN",
  verbs: {
    ETRN: {
      syntax: ETRN_SYNTAX,
      endsGroup: true,
      in: { ready: { 2: "same" } }, // §5: not within a transaction
      parse: (scan) => {
        const spaced = scan.skipSpaces();
        const option = (["@", "#"] as const).find((each) => scan.skip(each.charCodeAt(0))) ?? "";
        const name = scan.take(option === "#" ? word : domain);
        const fit = name !== undefined && isAscii(name) && (option === "#" || name.includes(".")); // §5: a node's name is fully qualified
        return spaced && fit && atEnd(scan) ? { type: "ETRN", option, name } : badSyntax(ETRN_SYNTAX);
      },
      format: ({ option, name }) => `ETRN ${option}${name}`,
      ok: ({ option, name }) => reply(458, "4.3.5", `Unable to queue messages for node ${option}${name}`, "RFC 1985 §5.1"),
    } satisfies Row<Etrn>,
  },
};
