// CHUNKING, RFC 3030 §2: a message in chunks, each told its length before it, in the place of DATA. The octets follow whatever the
// answer is, so a refused chunk is read and dropped; to a strategy there is no difference to DATA.

import type { Bdat } from "../command.js";
import type { Extension, Row } from "../extension.js";
import { REPLIES } from "../reply.js";
import { word } from "../syntax.js";
import { atEnd, badSyntax } from "../verbs.js";

const BDAT_SYNTAX = "BDAT chunk-size [SP LAST]";
/** RFC 3030 §2: one that is refused is the end of the message. */
const REFUSED = { 4: "failed", 5: "failed" } as const;

export const CHUNKING: Extension = {
  keyword: "CHUNKING",
  verbs: {
    BDAT: {
      syntax: BDAT_SYNTAX,
      // bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF
      parse: (scan) => {
        const digits = scan.skipSpaces() ? scan.take(word) ?? "" : "";
        const last = scan.skipSpaces() && scan.skipWord("LAST");
        return /^\d{1,15}$/.test(digits) && atEnd(scan) ? { type: "BDAT", octets: Number(digits), last } : badSyntax(BDAT_SYNTAX);
      },
      format: ({ octets, last }) => `BDAT ${octets}${last ? " LAST" : ""}`,
      ok: () => REPLIES.chunkTaken,
      in: { rcpt: { 2: "chunks", ...REFUSED }, data: { 2: "chunks", ...REFUSED }, chunks: { 2: "same", ...REFUSED } },
    } satisfies Row<Bdat>,
  },
};
