// Octets and text from a peer made fit for a terminal and a log.

/** C0, DEL, C1, the line and paragraph separators, and the characters that turn the direction of writing; not the tab. */
const OBEYED = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text in which control characters are shown, not obeyed: ESC becomes \x1b. */
export function visible(text: string): string {
  return text.replace(OBEYED, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
