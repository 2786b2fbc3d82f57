// SASLprep (RFC 4013), by what JavaScript knows of Unicode, which is newer than the RFC's 3.2. Left out is the rule for text that
// runs from right to left (§2.4): it refuses some, and changes none.

/** §2.1, B.1 of RFC 3454: what is there and not seen. */
const DROPPED = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
/** §2.1, C.1.2. */
const SPACES = /[\p{Zs}\u200b]/gu;
/** §2.3, §2.5: controls and what changes the display, private use, surrogates; line ends; descriptions and replacements. Unassigned. */
const PROHIBITED = /[\p{C}\p{Zl}\p{Zp}\u2ff0-\u2ffb\ufffc\ufffd]/u;

/** A name or a password as it is compared and hashed; undefined where nothing is left of it, or it may not be one. */
export function prepared(text: string): string | undefined {
  const ready = text.replace(SPACES, " ").replace(DROPPED, "").normalize("NFKC");
  return ready === "" || PROHIBITED.test(ready) ? undefined : ready;
}
