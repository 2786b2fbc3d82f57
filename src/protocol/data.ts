// Mail data and its transparency (RFC 5321 §4.1.1.4, §4.5.2): the dot decoder and the dot encoder, side by side.

import { CR, DOT, LF } from "./bytes.js";
import { Copy, first } from "./copy.js";
import type { LineEndings } from "./extension.js";
import { Lines } from "./lines.js";

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
  const dots = state.dots ? "drop" : "keep";
  const copy = new Copy(octets, from, (to - from + 2) * (mend ? 2 : 1)); // two octets may be held, and mending may double each
  const lines = new Lines(octets, from, to, state.lineOctets);
  lines.begin -= state.lineBegun;
  let { position, bits } = state;
  let at = from;
  let dotAt = from - (position === "dot" ? 1 : position === "dot-cr" ? 2 : 0); // below `from`: held since an earlier segment

  if (position === "text") {
    at = lines.pass(from, false, dots, copy);
    if (at > from && at < to && octets[at] === DOT) position = "line"; // it did not pass over this one
  }
  // A turn is a line that is out of the ordinary: from its start through its text to its CRLF.
  decode: while (at < to) {
    if (position === "line") {
      at = lines.pass(at, true, dots, copy);
      position = "text";
      if (at < to && octets[at] === DOT && state.dots) {
        dotAt = at;
        at += 1;
        lines.begin = at;
        position = "dot";
      }
    }
    if (position === "dot" && at < to) {
      position = "text";
      if (octets[at] === CR) {
        at += 1;
        position = "dot-cr";
      } else if (octets[at] === LF) {
        lines.begin = dotAt;
        if (dotAt < from) copy.insert(from, DOT);
      } else if (dotAt >= from && !state.discard) {
        copy.drop(dotAt);
      }
    }
    if (position === "dot-cr" && at < to) {
      if (octets[at] === LF) {
        at += 1;
        position = "end";
        break decode;
      }
      lines.begin = dotAt;
      if (dotAt < from) copy.insert(from, DOT);
      if (dotAt < from - 1) copy.insert(from, CR);
      position = "cr"; // and that CR is bare, as is found below
    }
    while (position === "text" && at < to) {
      const octet = octets[at]!;
      if (octet === LF) {
        state.bareLf += 1;
        if (refuse) break decode;
        if (mend) copy.insert(at, CR);
      } else if (octet === CR) {
        position = "cr";
      }
      bits |= octet;
      at += 1;
    }
    if (position === "cr" && at < to) {
      if (octets[at] === LF) {
        at += 1;
        lines.newLine(at);
        position = "line";
      } else {
        position = "text";
        state.bareCr += 1;
        if (refuse) break decode;
        if (mend) copy.insert(at, LF);
      }
    }
  }

  const held = position === "dot" || position === "dot-cr" || position === "end";
  state.position = position;
  state.bits = bits | lines.bits;
  state.longLines += lines.long;
  state.lineBegun = at - lines.begin;
  return { content: copy.content(held ? dotAt : at), at };
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
  const to = octets.length;
  if (to <= FEW) {
    const length = stuffFew(state, octets, 0, to);
    return length === to ? octets : first(PUT, length);
  }
  const copy = new Copy(octets, 0, to * 2 + 1); // twice as many at the most, and one more where a CR was left behind: CR | "." is CR | LF ".."
  const lines = new Lines(octets, 0, to);
  for (let at = 0; at < to; ) {
    if (state.position !== "cr") {
      const passedTo = lines.pass(at, state.position === "line", "double", copy);
      if (passedTo > at) state.position = "text";
      at = passedTo;
    }
    const next = Math.min(to, at + FEW);
    const length = stuffFew(state, octets, at, next);
    if (length > next - at) copy.replace(at, next, PUT.subarray(0, length));
    at = next;
  }
  return copy.content(to);
}

/** So few that to put all of them together costs less than to find out what may stay as it is (bench/data.js, segments of 64 and one). */
const FEW = 64;
/** Where they are put together: twice as many at the most, and one more. */
const PUT = new Uint8Array(FEW * 2 + 1);

/** Puts [from, to) together in PUT, octet by octet. Gives how many they have become. */
function stuffFew(state: Encoder, octets: Uint8Array, from: number, to: number): number {
  let { position } = state;
  let length = 0;
  for (let at = from; at < to; at++) {
    const octet = octets[at]!;
    if (octet > CR && position === "text") {
      PUT[length++] = octet; // nearly all
      continue;
    }
    if (octet === LF) {
      if (position !== "cr") PUT[length++] = CR;
    } else {
      if (position === "cr") PUT[length++] = LF;
      if (octet === DOT && position !== "text") PUT[length++] = DOT;
    }
    PUT[length++] = octet;
    position = octet === LF ? "line" : octet === CR ? "cr" : "text";
  }
  state.position = position;
  return length;
}

/** What ends the mail data: what the last line lacks of its CRLF, a dot, CRLF (§4.1.1.4). */
export function endOfData({ position }: Encoder): Uint8Array {
  return CRLF_DOT_CRLF.subarray(position === "line" ? 2 : position === "cr" ? 1 : 0);
}

const CRLF_DOT_CRLF = Uint8Array.of(CR, LF, DOT, CR, LF);
