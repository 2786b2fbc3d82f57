// Octets of mail data per second through the decoder: dots dropped, bare CR and LF found, the end looked for. Beside them, the
// same octets copied. The second table counts segments of one octet each.

import { decoder, encoder as dotEncoder, stuff, unstuff } from "../dist/protocol/index.js";
import { compare, print } from "./measure.js";

const OCTETS = 4_000_000;
const SEGMENT_OCTETS = 65_536;
const encoder = new TextEncoder();

/** @param {string} unit */
function octets(unit) {
  return encoder.encode(unit.repeat(Math.ceil(OCTETS / unit.length)));
}

const SHAPES = {
  "text, lines of 72": octets(`${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 72)}\r\n`),
  "lines of 72, all with a dot in front": octets(`..${"x".repeat(70)}\r\n`),
  "lines of two dots": octets("..\r\n"),
  "empty lines": octets("\r\n"),
  "no line end at all": octets("x"),
  "bare CRs": octets("a\r"),
  "bare LFs": octets("a\n"),
};

/** @param {Uint8Array} wire @param {"pass" | "normalise"} policy @param {number} segmentOctets */
function decoding(wire, policy = "pass", segmentOctets = SEGMENT_OCTETS) {
  return () => {
    const state = decoder(policy, 1000);
    for (let at = 0; at < wire.length; at += segmentOctets) unstuff(state, wire, at, Math.min(at + segmentOctets, wire.length));
    return wire.length;
  };
}

/** @param {Uint8Array} content */
function encoding(content) {
  return () => {
    const state = dotEncoder();
    for (let at = 0; at < content.length; at += SEGMENT_OCTETS) stuff(state, content.subarray(at, at + SEGMENT_OCTETS));
    return content.length;
  };
}

/** @param {Uint8Array} wire @param {number} segmentOctets */
function copying(wire, segmentOctets = SEGMENT_OCTETS) {
  const target = new Uint8Array(segmentOctets);
  return () => {
    for (let at = 0; at < wire.length; at += segmentOctets) target.set(wire.subarray(at, at + segmentOctets));
    return wire.length;
  };
}

const PLAIN = "text, lines of 72";
const whole = {
  [PLAIN]: decoding(SHAPES[PLAIN]),
  "memory copy": copying(SHAPES[PLAIN]),
  ...Object.fromEntries(Object.entries(SHAPES).slice(1).map(([name, wire]) => [name, decoding(wire)])),
  "bare LFs, made CRLF": decoding(SHAPES["bare LFs"], "normalise"),
  "stuffing text": encoding(SHAPES[PLAIN]),
  "stuffing lines of two dots": encoding(SHAPES["lines of two dots"]),
};
print(`Mail data in segments of ${SEGMENT_OCTETS} octets`, "octets", "text", compare(whole, PLAIN));

const single = Object.fromEntries(
  Object.entries(SHAPES).map(([name, wire]) => [name, decoding(wire.subarray(0, 400_000), "pass", 1)]),
);
print("Mail data in segments of one octet", "segments", "text", compare({ ...single, "memory copy": copying(SHAPES[PLAIN].subarray(0, 400_000), 1) }, PLAIN));
