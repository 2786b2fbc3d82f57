// The PROXY protocol (HAProxy's proxy-protocol.txt, 2020/03/05): what a proxy says in front of all else, so that the server behind it
// knows who the client is. Version 1 (§2.1) is a line, version 2 (§2.2) is binary. It is for proxies that are known by their address.

import { isIP } from "node:net";
import { canonical, type Address } from "./address.js";

export const PROXY_LIMITS = {
  /** §2.1: a line, with its CRLF. */
  v1Octets: 107,
  /** All of a header of version 2. Its addresses take 232 at the most; what stands behind them is passed over. */
  v2Octets: 4_096,
} as const;

export interface ProxyAddresses {
  /** The client, and where it connected to. Without them ("UNKNOWN", LOCAL, a family that is not for mail) the connection has its own. */
  readonly source?: Address;
  readonly destination?: Address;
}

/** `consumed`: how many octets of the segment that was received last belong to it; those behind it are the client's. */
export type ProxyStep = { readonly type: "need-input" | "malformed" } | ({ readonly type: "header"; readonly consumed: number } & ProxyAddresses);

const NEED_INPUT: ProxyStep = { type: "need-input" };
const MALFORMED: ProxyStep = { type: "malformed" };

/** Reads a header, in whatever segments it comes. What is malformed is so as early as it can be told; close the connection then. */
export class ProxyReader {
  #carry: Uint8Array = new Uint8Array(0);

  receive(segment: Uint8Array): ProxyStep {
    const carried = this.#carry.length;
    const octets = carried === 0 ? segment : Buffer.concat([this.#carry, segment.subarray(0, PROXY_LIMITS.v2Octets - carried)]);
    const step = parseProxyHeader(octets);
    if (step.type === "need-input") this.#carry = Uint8Array.from(octets);
    return step.type === "header" ? { ...step, consumed: step.consumed - carried } : step;
  }
}

/** The header at the start of what came so far. */
export function parseProxyHeader(octets: Uint8Array): ProxyStep {
  if (octets.length === 0) return NEED_INPUT;
  return octets[0] === V2_SIGNATURE[0] ? parseV2(octets) : parseV1(octets);
}

/**
 * Without a source and a destination: a connection of our own (§2.2 LOCAL; in version 1 there is only UNKNOWN). Throws RangeError for
 * what is no IP address.
 */
export function formatProxyHeader(version: 1 | 2, addresses: ProxyAddresses = {}): Uint8Array {
  return version === 1 ? Buffer.from(formatV1(addresses), "latin1") : formatV2(addresses);
}

const V1_PREFIX = Buffer.from("PROXY ");
const CR = 0x0d;
const LF = 0x0a;

/** "PROXY" SP "TCP4" / "TCP6" SP source SP destination SP port SP port CRLF, or "PROXY" SP "UNKNOWN" and anything. */
const V1_LINE = /^PROXY (?:UNKNOWN(?: [^]*)?|TCP([46]) ([\dA-Fa-f:.]+) ([\dA-Fa-f:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;

function parseV1(octets: Uint8Array): ProxyStep {
  if (!agree(octets, V1_PREFIX)) return MALFORMED;
  const end = crlf(octets);
  if (typeof end !== "number") return end;
  const [line, version, source, destination, ...ports] = V1_LINE.exec(Buffer.from(octets.subarray(0, end)).toString("latin1")) ?? [];
  if (line === undefined) return MALFORMED;
  const consumed = end + "\r\n".length;
  if (version === undefined) return { type: "header", consumed };
  const [sourcePort, destinationPort] = ports.map(Number);
  const whole = [source!, destination!].every((ip) => isIP(ip) === Number(version)) && sourcePort! <= 65_535 && destinationPort! <= 65_535;
  return whole ? { type: "header", consumed, source: [canonical(source!), sourcePort!], destination: [canonical(destination!), destinationPort!] } : MALFORMED;
}

/** Where the line ends; a CR or LF that is not part of a CRLF is malformed. */
function crlf(octets: Uint8Array): number | ProxyStep {
  for (let at = 0; at < PROXY_LIMITS.v1Octets; at++) {
    if (at === octets.length) return NEED_INPUT;
    const afterCr = octets[at - 1] === CR;
    if (afterCr !== (octets[at] === LF)) return MALFORMED;
    if (afterCr) return at - 1;
  }
  return MALFORMED;
}

const V2_SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
/** The 13th octet: version 2 and the command. The 14th: the family and the protocol. The 15th and 16th: how much follows. */
const AT = { command: 12, family: 13, length: 14, addresses: 16 } as const;
const COMMAND = { local: 0x20, proxy: 0x21 } as const;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX = 0x31;
/** One address, of those families that mail comes by. */
const ADDRESS_OCTETS: { readonly [family: number]: number } = { [TCP4]: 4, [TCP6]: 16, [UNIX]: 108 };
const PORT_OCTETS = 2;

function parseV2(octets: Uint8Array): ProxyStep {
  const { command: commandAt, family: familyAt, length: lengthAt, addresses } = AT;
  const [command, family] = [octets[commandAt], octets[familyAt]];
  if (!agree(octets, V2_SIGNATURE)) return MALFORMED;
  if (command !== undefined && command !== COMMAND.local && command !== COMMAND.proxy) return MALFORMED;
  if (family !== undefined && command === COMMAND.proxy && (family >> 4 > 3 || (family & 0xf) > 2)) return MALFORMED;
  if (octets.length < addresses) return NEED_INPUT;
  const length = (octets[lengthAt]! << 8) | octets[lengthAt + 1]!;
  const consumed = addresses + length;
  const size = command === COMMAND.proxy ? ADDRESS_OCTETS[family!] : undefined;
  const needed = size === undefined ? 0 : 2 * (family === UNIX ? size : size + PORT_OCTETS);
  if (consumed > PROXY_LIMITS.v2Octets || length < needed) return MALFORMED;
  if (octets.length < consumed) return NEED_INPUT;
  return size === undefined ? { type: "header", consumed } : { type: "header", consumed, ...addressesOf(octets.subarray(addresses), size) };
}

/** Both addresses, then both ports. */
function addressesOf(block: Uint8Array, size: number): Required<ProxyAddresses> {
  const each = (nth: number): Address => {
    const address = block.subarray(nth * size, (nth + 1) * size);
    const at = 2 * size + nth * PORT_OCTETS;
    return size === ADDRESS_OCTETS[UNIX] ? path(address) : [ip(address), (block[at]! << 8) | block[at + 1]!];
  };
  return { source: each(0), destination: each(1) };
}

function ip(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, nth) => ((octets[2 * nth]! << 8) | octets[2 * nth + 1]!).toString(16));
  return canonical(groups.join(":"));
}

/** Up to the first NUL; empty for a socket without a name, or one that is not in the file system. */
function path(octets: Uint8Array): string {
  const end = octets.indexOf(0);
  return Buffer.from(end < 0 ? octets : octets.subarray(0, end)).toString();
}

function formatV1({ source, destination }: ProxyAddresses): string {
  if (source === undefined || destination === undefined || typeof source === "string" || typeof destination === "string") return "PROXY UNKNOWN\r\n";
  const plain = [source[0], destination[0]].map((address) => ip(octetsOf(address)));
  const mixed = plain.map((text) => (text.includes(":") ? text : `::ffff:${text}`));
  const [family, ips] = plain.some((text) => text.includes(":")) ? ["TCP6", mixed] : ["TCP4", plain];
  return `PROXY ${family} ${ips.join(" ")} ${source[1]} ${destination[1]}\r\n`;
}

function formatV2({ source, destination }: ProxyAddresses): Uint8Array {
  if (source === undefined || destination === undefined) return headerV2(COMMAND.local, 0, []);
  if (typeof source === "string" || typeof destination === "string") return formatUnix(source, destination);
  const addresses = sameFamily(source[0], destination[0]);
  const ports = [source[1], destination[1]].map((port) => Uint8Array.of(port >> 8, port & 0xff));
  return headerV2(COMMAND.proxy, addresses[0]!.length === 4 ? TCP4 : TCP6, [...addresses, ...ports]);
}

/** A path that is too long, or of one end only, is not told: the family is 0 then, "unspecified". */
function formatUnix(...ends: readonly Address[]): Uint8Array {
  const size = ADDRESS_OCTETS[UNIX]!;
  const paths = ends.map((end) => (typeof end === "string" ? Buffer.from(end) : undefined)).filter((each) => each !== undefined && each.length <= size);
  if (paths.length < 2) return headerV2(COMMAND.proxy, 0, []);
  return headerV2(COMMAND.proxy, UNIX, paths.map((each) => Buffer.concat([each!], size)));
}

function headerV2(command: number, family: number, parts: readonly Uint8Array[]): Uint8Array {
  const block = Buffer.concat(parts);
  return Buffer.concat([V2_SIGNATURE, Uint8Array.of(command, family, block.length >> 8, block.length & 0xff), block]);
}

/** Two addresses as octets: 4 each, or 16 each where one of them is IPv6. */
function sameFamily(...ips: readonly string[]): readonly Uint8Array[] {
  const all = ips.map(octetsOf);
  return all.every(({ length }) => length === 4) ? all : all.map((octets) => (octets.length === 4 ? Buffer.concat([MAPPED, octets]) : octets));
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2) */
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

function octetsOf(text: string): Uint8Array {
  const address = canonical(text);
  if (isIP(address) === 4) return Uint8Array.from(address.split("."), Number);
  if (isIP(address) !== 6) throw new RangeError(`"${text}" is no IP address`);
  const [head = "", tail = ""] = address.split("::");
  const [before, behind] = [head, tail].map((part) => (part === "" ? [] : part.split(":")));
  const groups = [...before!, ...Array<string>(8 - before!.length - behind!.length).fill("0"), ...behind!].map((group) => parseInt(group, 16));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** Whether octets begin as a text does, as far as they go. */
function agree(octets: Uint8Array, expected: Uint8Array): boolean {
  return expected.subarray(0, octets.length).every((octet, at) => octet === octets[at]);
}
