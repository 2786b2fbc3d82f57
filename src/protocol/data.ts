// Mail data and its transparency (RFC 5321 §4.1.1.4, §4.5.2): the dot decoder and the dot encoder, side by side.

import { CR, DOT, LF, NO_OCTETS } from "./bytes.js";
import type { LineEndings } from "./extension.js";

/**
 * Where the decoder stands between two octets. "line": behind a CRLF of the wire, or at the start. A dot there is held until what
 * follows tells whether it ends the data, and so is a CR behind it; a CR anywhere else is content, whatever follows.
 */
type Position = "line" | "text" | "cr" | "dot" | "dot-cr" | "end";

/** The decoder of one message. Feed `unstuff` with segment after segment until `position` is "end". */
export interface Decoder {
  position: Position;
  readonly lineEndings: LineEndings;
  /** Lines longer than this, CRLF included, are counted (§4.5.3.1.6). */
  readonly lineOctets: number;
  /** The content is not wanted any more: only the end is looked for. */
  discard: boolean;
  /** A dot at the start of a line means something. Not so in chunks (RFC 3030 §2), which end by their length. */
  readonly dots: boolean;
  bareCr: number;
  bareLf: number;
  longLines: number;
  /** All octets OR-ed together: the high bit says whether there was an 8-bit one. */
  bits: number;
  /** Octets of the line that began in an earlier segment. */
  lineBegun: number;
}

export function decoder(lineEndings: LineEndings, lineOctets: number, dots = true): Decoder {
  return { position: "line", lineEndings, lineOctets, discard: false, dots, bareCr: 0, bareLf: 0, longLines: 0, bits: 0, lineBegun: 0 };
}

export interface Unstuffed {
  /** The content: a view of the segment, or a copy where a dot was dropped or a line ending mended. */
  readonly content: Uint8Array;
  /** Where to read on: at the end of the segment, behind the end of the data, or at the octet that shows a line ending is refused. */
  readonly at: number;
}

/**
 * Decodes the octets [from, to) of the wire, in one pass whatever they are. Only CRLF.CRLF as it stands on the wire ends the data.
 * A dot at the start of a line is dropped; one that a bare CR or LF follows was no transparency dot, and stays.
 */
export function unstuff(state: Decoder, octets: Uint8Array, from: number, to: number): Unstuffed {
  const mend = state.lineEndings === "normalise" && !state.discard;
  const refuse = state.lineEndings === "refuse" && !state.discard;
  let { position, bits } = state;
  let at = from;
  let lineFrom = from - state.lineBegun;
  let dotAt = from - (position === "dot" ? 1 : position === "dot-cr" ? 2 : 0); // below `from`: held since an earlier segment
  let copiedTo = from; // [copiedTo, at) is content that is not in the copy
  const copy = new Copy((to - from + 2) * (mend ? 2 : 1)); // two octets may be held, and mending may double each

  // A turn is a line, as a rule: from its start through its text to its CRLF.
  decode: while (at < to) {
    if (position === "line") {
      position = "text";
      if (octets[at] === DOT && state.dots) {
        dotAt = at;
        at += 1;
        lineFrom = at;
        position = "dot";
      }
    }
    if (position === "dot" && at < to) {
      position = "text";
      if (octets[at] === CR) {
        at += 1;
        position = "dot-cr";
      } else if (octets[at] === LF) {
        lineFrom = dotAt;
        if (dotAt < from) copy.push(DOT);
      } else if (dotAt >= from && !state.discard) {
        copy.add(octets, copiedTo, dotAt);
        copiedTo = at;
      }
    }
    if (position === "dot-cr" && at < to) {
      if (octets[at] === LF) {
        at += 1;
        position = "end";
        break decode;
      }
      lineFrom = dotAt;
      if (dotAt < from) copy.push(DOT);
      if (dotAt < from - 1) copy.push(CR);
      position = "cr"; // and that CR is bare, as is found below
    }
    while (position === "text" && at < to) {
      const octet = octets[at]!;
      if (octet === LF) {
        state.bareLf += 1;
        if (refuse) break decode;
        if (mend) {
          copy.add(octets, copiedTo, at).push(CR);
          copiedTo = at;
        }
      } else if (octet === CR) {
        position = "cr";
      }
      bits |= octet;
      at += 1;
    }
    if (position === "cr" && at < to) {
      if (octets[at] === LF) {
        at += 1;
        if (at - lineFrom > state.lineOctets) state.longLines += 1;
        lineFrom = at;
        position = "line";
      } else {
        position = "text";
        state.bareCr += 1;
        if (refuse) break decode;
        if (mend) {
          copy.add(octets, copiedTo, at).push(LF);
          copiedTo = at;
        }
      }
    }
  }

  const held = position === "dot" || position === "dot-cr" || position === "end";
  const content = copy.content(octets, copiedTo, held ? Math.max(dotAt, copiedTo) : at);
  state.position = position;
  state.bits = bits;
  state.lineBegun = at - lineFrom;
  return { content, at };
}

/** Content that is not as it was on the wire. Room for all of it is made at once, when the first octet goes in. */
class Copy {
  readonly #room: number;
  #octets: Uint8Array | undefined;
  #length = 0;

  constructor(room: number) {
    this.#room = room;
  }

  add(octets: Uint8Array, from: number, to: number): this {
    const copy = (this.#octets ??= new Uint8Array(this.#room));
    const length = this.#length;
    this.#length += to - from;
    if (to - from > 48) { // from there on a call of set() costs less than a loop (bench/data.js, lines of 72)
      copy.set(octets.subarray(from, to), length);
    } else {
      for (let at = from; at < to; at++) copy[length + at - from] = octets[at]!;
    }
    return this;
  }

  push(octet: number): void {
    const copy = (this.#octets ??= new Uint8Array(this.#room));
    copy[this.#length++] = octet;
  }

  /** What was added, and [from, to) behind it: a view of that alone where nothing was added. */
  content(octets: Uint8Array, from: number, to: number): Uint8Array {
    if (this.#octets === undefined) return from === to ? NO_OCTETS : octets.subarray(from, to);
    return this.add(octets, from, to).#octets!.subarray(0, this.#length);
  }
}

/** The encoder of one message: whether the next octet begins a line, and whether the last one was a CR. */
export interface Encoder {
  position: "line" | "text" | "cr";
}

export function encoder(): Encoder {
  return { position: "line" };
}

/**
 * Doubles the dots at line starts, and makes a bare CR or LF a CRLF: what one peer takes for text, another takes for the end of
 * a line, or of the message (§2.3.8: neither is ever sent). A view where there is nothing to do, a copy otherwise.
 */
export function stuff(state: Encoder, octets: Uint8Array): Uint8Array {
  const copy = new Copy(octets.length * 2 + 1); // twice as many at the most, and one more where a CR was left behind: CR | "." is CR | LF ".."
  let { position } = state;
  let copiedTo = 0;
  for (let at = 0; at < octets.length; at++) {
    let octet = octets[at]!;
    if (position === "text") {
      while (octet !== CR && octet !== LF && ++at < octets.length) octet = octets[at]!;
      if (at === octets.length) break;
    }
    const added = missing(position, octet);
    if (added !== undefined) {
      copy.add(octets, copiedTo, at).push(added);
      copiedTo = at;
      if (added === LF && octet === DOT) copy.push(DOT); // the LF has begun a line
    }
    position = octet === LF ? "line" : octet === CR ? "cr" : "text";
  }
  state.position = position;
  return copy.content(octets, copiedTo, octets.length);
}

/** What has to stand in front of an octet: LF behind a CR that has none, CR in front of a bare LF, the second dot. */
function missing(position: Encoder["position"], octet: number): number | undefined {
  if (position === "cr") return octet === LF ? undefined : LF;
  if (octet === LF) return CR;
  return octet === DOT && position === "line" ? DOT : undefined;
}

/** What ends the mail data: what the last line lacks of its CRLF, a dot, CRLF (§4.1.1.4). */
export function endOfData({ position }: Encoder): Uint8Array {
  return CRLF_DOT_CRLF.subarray(position === "line" ? 2 : position === "cr" ? 1 : 0);
}

const CRLF_DOT_CRLF = Uint8Array.of(CR, LF, DOT, CR, LF);
