// Commands as octets: what a row writes, and what makes sure that the other end reads the same (RFC 5321 §4.1.1).

import { octetsOf, SP } from "./bytes.js";
import type { Bdat, Request } from "./command.js";
import type { Grammar, Terms } from "./extension.js";
import { LIMITS } from "./limits.js";
import { isReply } from "./reply.js";
import { Scan } from "./scan.js";
import { verb } from "./verb.js";

const DEL = 0x7f;

/** Writes a command as the other end reads it, without CRLF. Throws RangeError for a verb that the grammar does not have. */
export function formatCommand(command: Request | Bdat, grammar: Grammar): string {
  const format = grammar.rows.get(command.type)?.format;
  if (format === undefined) throw new RangeError(`${command.type} is not offered`);
  return format(command);
}

/**
 * Writes a command for the wire, CRLF included. It has to read back as the same under these terms, so that no argument can hold
 * a second one, nor anything that was not agreed on. Throws RangeError otherwise.
 */
export function writeCommand(command: Request | Bdat, terms: Terms): string {
  const { grammar, limits } = terms;
  const line = `${formatCommand(command, grammar)}\r\n`;
  const length = put(line);
  if (length > (grammar.lineOctets.get(command.type) ?? limits.commandLineOctets)) throw new RangeError("the command is too long (RFC 5321 §4.5.3.1.4)");
  const scan = new Scan(written, 0, terms.leniencies);
  if (command.type !== "response") verb(scan);
  const read = grammar.rows.get(command.type)!.parse?.(scan, terms) ?? command;
  if (isReply(read)) throw new RangeError(`${command.type}: ${read.lines.join(" ")}`);
  if (!same(read, command, UNWRITTEN)) throw new RangeError(`${command.type}: its arguments do not read back as they are`);
  return line;
}

/** What a command has, and its line has not. */
const UNWRITTEN: ReadonlySet<string> = new Set(["leniencies", "forwarded"]);
const NOTHING: ReadonlySet<string> = new Set();

/** The line that is read back. One for all: octets of its own would cost each command as much as all the rest of its writing. */
let written: Uint8Array = new Uint8Array(LIMITS.commandLineOctets);

/** Puts a line there, and gives its length in octets. */
function put(line: string): number {
  if (written.length < line.length) written = new Uint8Array(line.length);
  let ascii = true;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if ((code < SP && at < line.length - "\r\n".length) || code === DEL) throw new RangeError("a command holds no control characters (RFC 5321 §4.1.2)");
    if (code > DEL) ascii = false;
    written[at] = code;
  }
  return ascii ? line.length : (written = octetsOf(line)).length;
}

/** Whether two plain values are equal; but for what is passed over in both. */
function same(one: unknown, other: unknown, passedOver = NOTHING): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  let more = 0;
  for (const name in other) if (!passedOver.has(name)) more += 1;
  for (const name in one) {
    if (passedOver.has(name)) continue;
    if (!same((one as Fields)[name], (other as Fields)[name])) return false;
    more -= 1;
  }
  return more === 0;
}

interface Fields { readonly [name: string]: unknown }
