// Command lines: through the parser alone, beside one of regular expressions and smtp-server's; through the framing; and through
// the whole engine, beside a responder that parses nothing.

import { settings } from "../dist/protocol/index.js";
import { Input } from "../dist/protocol/input.js";
import { Scan } from "../dist/protocol/scan.js";
import { verb } from "../dist/protocol/words.js";
import { newTerms } from "../dist/protocol/verbs.js";
import { Responder } from "./canned.js";
import { feed, greeted } from "./engine.js";
import { against, beside, ratesOf } from "./measure.js";
import { NOT_INSTALLED, peer } from "./peers.js";
import { report } from "./report.js";

const SEGMENT_OCTETS = 16_384;
/** Of a kind, and no two alike. */
const VARIANTS = 64;
/** Through an engine that is made anew for them. */
const LINES = 400;
const shared = settings({ limits: { recipients: Infinity, outputOctets: SEGMENT_OCTETS } });
const terms = { ...newTerms(shared), hello: { type: "EHLO", domain: "client.example" } };

const MAIL = "MAIL FROM:<somebody.or.other@mail.example.org> SIZE=100000 BODY=8BITMIME";
const RCPT = "RCPT TO:<somebody.or.other@mail.example.org>";

/** @param {string} line */
function variants(line) {
  return Array.from({ length: VARIANTS }, (_, at) => Buffer.from(`${line.replace("other", `other${at}`)}\r\n`));
}

/** @param {readonly Buffer[]} lines @param {(line: Buffer) => unknown} parse null or false where it is no command */
function parsing(lines, parse) {
  return () => {
    for (const line of lines) if (!parse(line)) throw new Error(`not parsed: ${line}`);
    return lines.length;
  };
}

/** As the engine does. @param {Uint8Array} line */
function ours(line) {
  const scan = new Scan(line, 0, shared.leniencies);
  const command = /** @type {any} */ (shared.grammar.rows.get(verb(scan, shared.grammar.words)))?.parse(scan, terms);
  return "type" in command ? command : undefined;
}

const LOCAL_PART = /(?:[\w!#$%&'*+/=?^`{|}~.-]+|"(?:[^"\\]|\\.)*")/.source;
const DOMAIN = /(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[^\]]+\])/.source;
const PARAMETERS = /((?: +[a-z0-9][a-z0-9-]*(?:=[^\s=]+)?)*)/.source;
const PATTERN = new RegExp(`^(MAIL FROM|RCPT TO):\\s*<(?:@[^:<>]+:)?(${LOCAL_PART}@${DOMAIN})?>${PARAMETERS}\\s*$`, "i");

/** As people write it. @param {Buffer} line */
function regular(line) {
  const match = PATTERN.exec(line.toString("latin1"));
  if (match === null) return undefined;
  const parameters = Object.fromEntries(match[3].trim().split(/ +/).filter(Boolean).map((each) => each.split("=")));
  return { verb: match[1].toUpperCase(), address: match[2] ?? "", parameters };
}

/** @param {string} title @param {string} line @param {string} name */
async function parsers(title, line, name) {
  const lines = variants(line);
  const theirs = (await peer("smtp-server/lib/smtp-connection.js"))?.SMTPConnection.prototype._parseAddressCommand;
  const self = { _server: { options: {} } };
  const rates = ratesOf({
    smtpd: parsing(lines, ours),
    "regular expressions": parsing(lines, regular),
    ...(theirs && { "smtp-server": parsing(lines, (each) => theirs.call(self, name, each.toString("latin1").trimEnd())?.address) }),
  });
  const rows = Object.entries(rates).map(([each, values]) => ({ name: each, cells: [beside(values, rates.smtpd, each === "smtp-server" ? { least: 16 } : undefined)] }));
  return { title, columns: [{ unit: "lines/s", ratio: "smtpd ×" }], rows: theirs ? rows : [...rows, { name: "smtp-server", cells: [], absent: NOT_INSTALLED }] };
}

/** @param {string} title @param {string} unit @param {string} base @param {Record<string, number[]>} rates @returns {import("./report.js").Table} */
function againstBase(title, unit, base, rates) {
  return { title, columns: [{ unit, ratio: `× ${base}` }], rows: Object.entries(rates).map(([name, values]) => ({ name, cells: [against(values, rates[base])] })) };
}

function framing() {
  const wire = Buffer.concat(Array.from({ length: 8 }, () => Buffer.concat(variants(RCPT))));
  const target = new Uint8Array(wire.length);
  /** @param {number} octets */
  const searching = (octets) => () => {
    const input = new Input();
    for (let at = 0; at < wire.length; at += octets) {
      input.receive(wire.subarray(at, at + octets));
      while (input.findLine(512) === "line") input.dropLine();
      input.release();
    }
    return wire.length;
  };
  const rates = ratesOf({
    "memory copy": () => (target.set(wire), wire.length),
    [`smtpd, segments of ${SEGMENT_OCTETS}`]: searching(SEGMENT_OCTETS),
    "smtpd, octet by octet": searching(1),
    "indexOf(LF), nothing checked": () => {
      for (let at = 0; at < wire.length; at = wire.indexOf(10, at) + 1);
      return wire.length;
    },
    "toString().split(CRLF)": () => (wire.toString("latin1").split("\r\n"), wire.length),
  });
  return againstBase("Framing: lines looked for, bare CR and LF found", "octets/s", "memory copy", rates);
}

/** @param {string} line @param {number} octets */
function through(line, octets = SEGMENT_OCTETS) {
  const wire = Buffer.from(`${line}\r\n`.repeat(LINES));
  return () => {
    const server = greeted(shared);
    feed(server, Buffer.from("MAIL FROM:<a@example.com>\r\n"));
    for (let at = 0; at < wire.length; at += octets) feed(server, wire.subarray(at, at + octets));
    return LINES;
  };
}

function engine() {
  const quoted = 'RCPT TO:<"quoted local part"@[IPv6:2001:db8::1]>';
  const wire = Buffer.from(`${RCPT}\r\n`.repeat(LINES));
  const rates = ratesOf({
    "canned responder": () => (new Responder().receive(wire), LINES),
    RCPT: through(RCPT),
    "RCPT, octet by octet": through(RCPT, 1),
    "RCPT, quoted, address literal": through(quoted),
    "MAIL with SIZE and BODY, RSET": through(`RSET\r\n${MAIL}`),
    NOOP: through("NOOP"),
  });
  return againstBase("The whole engine: framing, parsing, the table, the reply (a pair of commands counts as one line)", "lines/s", "canned responder", rates);
}

report("lines", [await parsers("parseCommand: MAIL with SIZE and BODY", MAIL, "mail from"), await parsers("parseCommand: RCPT", RCPT, "rcpt to"), framing(), engine()]);
