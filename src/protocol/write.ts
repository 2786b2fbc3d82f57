// Commands as octets: what a row writes, and what makes sure that the other end reads the same (RFC 5321 §4.1.1).

import { octetsOf, SP } from "./bytes.js";
import type { Bdat, Request } from "./command.js";
import type { Grammar, Row, Terms } from "./extension.js";
import { LIMITS } from "./limits.js";
import { isReply } from "./reply.js";
import { Scan } from "./scan.js";
import { verb } from "./words.js";

const DEL = 0x7f;

/** Writes a command as the other end reads it, without CRLF. Throws RangeError for a verb that the grammar does not have. */
export function formatCommand(command: Request | Bdat, { rows }: Grammar): string {
  return written(command, rows.get(command.type));
}

/**
 * Writes a command for the wire, CRLF included. It has to read back as the same under these terms, so that no argument can hold
 * a second one, nor anything that was not agreed on. Throws RangeError otherwise.
 */
export function writeCommand(command: Request | Bdat, terms: Terms): string {
  const { grammar, limits } = terms;
  const row = grammar.rows.get(command.type);
  const line = `${written(command, row)}\r\n`;
  const scan = new Scan(readable(line, grammar.lineOctets.get(command.type) ?? limits.commandLineOctets), 0, terms.leniencies);
  if (command.type !== "response") verb(scan, grammar.words);
  const read = row!.parse?.(scan, terms) ?? command;
  if (isReply(read)) throw new RangeError(`${command.type}: ${read.lines.join(" ")}`);
  if (!same(read, command, UNWRITTEN)) throw new RangeError(`${command.type}: its arguments do not read back as they are`);
  return line;
}

function written(command: Request | Bdat, row: Row | undefined): string {
  if (row?.format === undefined) throw new RangeError(`${command.type} is not offered`);
  return row.format(command);
}

/** What a command has, and its line has not. */
const UNWRITTEN: ReadonlySet<string> = new Set(["leniencies", "forwarded"]);
const NOTHING: ReadonlySet<string> = new Set();

/**
 * The line that is read back, as long as the longest may be; what it holds stays until the next is put there. One for all: octets of
 * its own would cost each command as much as all the rest of its writing.
 */
let readBack = new Uint8Array(LIMITS.commandLineOctets);

/** The octets of a line, of at most `most`. */
function readable(line: string, most: number): Uint8Array {
  if (line.length > most) throw tooLong(); // no character takes less than an octet
  if (readBack.length < line.length) readBack = new Uint8Array(most);
  let ascii = true;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if ((code < SP && at < line.length - "\r\n".length) || code === DEL) throw new RangeError("a command holds no control characters (RFC 5321 §4.1.2)");
    if (code > DEL) ascii = false;
    readBack[at] = code;
  }
  if (ascii) return readBack;
  const octets = octetsOf(line);
  if (octets.length > most) throw tooLong();
  return octets;
}

function tooLong(): RangeError {
  return new RangeError("the command is too long (RFC 5321 §4.5.3.1.4)");
}

/** Whether two plain values are equal; but for what the other may have besides. Without lists of what they hold: it is done for each command. */
function same(one: unknown, other: unknown, besides = NOTHING): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  let more = 0;
  for (const name in other) if (!besides.has(name)) more += 1;
  for (const name in one) {
    if (!same((one as Fields)[name], (other as Fields)[name])) return false;
    more -= 1;
  }
  return more === 0;
}

interface Fields { readonly [name: string]: unknown }
