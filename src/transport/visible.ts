// Text from a peer made fit for a terminal and a log.

/** C0 but the tab, DEL, C1, the line and paragraph separators, and the characters that turn the direction of writing. */
const RANGES = [
  [0x00, 0x08], [0x0a, 0x1f], [0x7f, 0x9f], [0x61c, 0x61c], [0x200e, 0x200f], [0x2028, 0x202e], [0x2066, 0x2069],
] as const;

const OBEYED = new Uint8Array(0x206a);
for (const [from, to] of RANGES) OBEYED.fill(1, from, to + 1);

/** Whether a terminal obeys this character instead of showing it. */
export function isObeyed(codePoint: number): boolean {
  return OBEYED[codePoint] === 1;
}

/** The character in a form that is shown: ESC is \x1b. */
export function shown(codePoint: number): string {
  return codePoint < 0x100 ? `\\x${codePoint.toString(16).padStart(2, "0")}` : `\\u${codePoint.toString(16).padStart(4, "0")}`;
}

/** Text in which no character is left that a terminal obeys. */
export function visible(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => (isObeyed(character.charCodeAt(0)) ? shown(character.charCodeAt(0)) : character));
}
