// Commands as octets: what a row writes, and what makes sure that the other end reads the same (RFC 5321 §4.1.1).

import { octetsOf } from "./bytes.js";
import type { Bdat, Mail, Request } from "./command.js";
import type { Grammar, Terms } from "./extension.js";
import { isReply } from "./reply.js";
import { Scan } from "./scan.js";
import { verb } from "./words.js";

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
  const { leniencies: _, forwarded: __, ...said } = command as Mail; // what the line does not have
  const text = formatCommand(command, grammar);
  if (/[\x00-\x1f\x7f]/.test(text)) throw new RangeError("a command holds no control characters (RFC 5321 §4.1.2)");
  const line = octetsOf(`${text}\r\n`);
  if (line.length > (grammar.lineOctets.get(command.type) ?? limits.commandLineOctets)) throw new RangeError("the command is too long (RFC 5321 §4.5.3.1.4)");
  const scan = new Scan(line, 0, terms.leniencies);
  if (command.type !== "response") verb(scan);
  const read = grammar.rows.get(command.type)!.parse?.(scan, terms) ?? command;
  if (isReply(read)) throw new RangeError(`${command.type}: ${read.lines.join(" ")}`);
  if (!same(read, said)) throw new RangeError(`${command.type}: its arguments do not read back as they are`);
  return `${text}\r\n`;
}

/** Whether two plain values are equal. */
function same(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  const entries = Object.entries(one);
  return entries.length === Object.keys(other).length && entries.every(([name, value]) => same(value, (other as Record<string, unknown>)[name]));
}
