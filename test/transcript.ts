// Reads dialogues out of Markdown. In a fence marked `smtp`:
//
//   C: octets of the client and CRLF; \r \n \t \0 \\ \xNN stand for octets, a \ at the end for "no CRLF here"
//   S: a line of the server's
//   >  something that happens (drive.ts); of the kinds that a dialogue names, all have to be named
//   A: RCPT TO:<x@y> -> 550 5.1.1 No      how the application answers that command ("connect", "message"); \n begins a line
//   !  something that befalls the connection: "timeout", "shutdown", "shutdown now", "end", "secured"
//
// Behind the word `smtp` stand settings: leniencies=strict,quit-argument, lmtp, require-tls, auth (PLAIN and CRAM-MD5, the first only under TLS), line-endings=normalise, smtputf8, extensions=DSN,MT-PRIORITY(MIXER) with what stands
// behind the keyword ("_" is a space), permitted=XCLIENT,XFORWARD for a peer that may say those, limits.recipients=2.

import { readdirSync, readFileSync } from "node:fs";
import { auth, DEFAULT_EXTENSIONS, settings, SMTPUTF8, type Leniency, type LineEndings, type Settings } from "../dist/protocol/index.js";
import { Drive } from "./drive.js";
import { extensionsNamed } from "./extensions.js";
import { splits } from "./splits.js";

export interface Transcript {
  readonly file: string;
  readonly title: string;
  /** The text between the title and the fence. */
  readonly prose: string;
  readonly settings: Settings;
  /** What the peer may say that not everybody may. */
  readonly permitted: ReadonlySet<string>;
  readonly answers: ReadonlyMap<string, string>;
  readonly turns: readonly Turn[];
  readonly happens: readonly string[];
}

/** What comes in, and all that is said until something comes in again. */
interface Turn {
  event: string | undefined;
  client: number[];
  server: string;
}

/** A fence of a page, and what stands around it. */
export interface Fence {
  readonly file: string;
  readonly title: string;
  /** The text between the title and the first fence. */
  readonly prose: string;
  /** What stands behind the word that marks the fence. */
  readonly options: string;
  readonly text: string;
}

/** All fences of a directory's pages that are marked with this word. */
export function fences(directory: URL, mark: string): Fence[] {
  const pages = readdirSync(directory).filter((file) => file.endsWith(".md")).sort();
  return pages.flatMap((file) => readFileSync(new URL(file, directory), "utf8").split(/^## /m).slice(1).flatMap((section) => {
    const title = section.slice(0, section.indexOf("\n"));
    const found = [...section.matchAll(new RegExp(`^\`\`\`${mark} ?(.*)\\n([^]*?)^\`\`\`$`, "gm"))];
    const prose = section.slice(title.length, found[0]?.index);
    return found.map(([, options, text]) => ({ file, title, prose, options: options!, text: text! }));
  }));
}

/** What comes in turn by turn, cut into segments: whole, octet by octet, and each turn in two at every place. */
export function segmentations(turns: readonly (readonly number[])[]): Uint8Array[][][] {
  const whole: Uint8Array[][] = turns.map((octets) => [Uint8Array.from(octets)]);
  const octets = turns.map((each) => each.map((octet) => Uint8Array.of(octet)));
  const twoWay = whole.flatMap(([all], turn) => [...splits(all!)].slice(2).map((segments) => whole.with(turn, segments)));
  return [whole, octets, ...twoWay];
}

export function transcripts(directory: URL): Transcript[] {
  return fences(directory, "smtp").map(({ options, text, ...about }) => ({ ...about, settings: settingsOf(options), permitted: new Set(/\bpermitted=(\S+)/.exec(options)?.[1]?.split(",")), ...dialogue(text) }));
}

/** Runs a dialogue at every segmentation of everything the client says. Gives the number of runs. */
export function play(transcript: Transcript): number {
  const runs = segmentations(transcript.turns.map(({ client }) => client));
  for (const segments of runs) playOnce(transcript, segments);
  return runs.length;
}

/** Plays it with the client's octets cut into these segments, turn by turn. */
function playOnce({ settings, permitted, answers, turns, happens }: Transcript, segments: readonly (readonly Uint8Array[])[]): void {
  const drive = new Drive(settings, { answers, permitted });
  for (const [index, { event, server }] of turns.entries()) {
    if (event !== undefined) EVENTS[event]!(drive);
    for (const segment of segments[index]!) {
      if (segment.length > 0) drive.feed(segment);
    }
    const said = drive.takeReplies();
    if (said !== server) throw new Error(`turn ${index + 1}, ${segments[index]!.length} segments\n${difference(server, said)}`);
  }
  const kinds = new Set(happens.map(kindOf));
  const happened = drive.log.filter((line) => kinds.has(kindOf(line)));
  if (happened.join("\n") !== happens.join("\n")) throw new Error(difference(happens.join("\n"), happened.join("\n")));
}

const EVENTS: { readonly [event: string]: (drive: Drive) => void } = {
  timeout: (drive) => (drive.server.timedOut(), drive.run()),
  shutdown: (drive) => (drive.server.shutdown(), drive.run()),
  "shutdown now": (drive) => (drive.server.shutdown(true), drive.run()),
  end: (drive) => (drive.server.ended(), drive.run()),
  secured: (drive) => (drive.server.secured(), drive.run()),
};

function dialogue(text: string): Pick<Transcript, "answers" | "turns" | "happens"> {
  const answers = new Map<string, string>();
  const happens: string[] = [];
  const turns: Turn[] = [{ event: undefined, client: [], server: "" }];
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const mark = line.slice(0, line.startsWith(">") || line.startsWith("!") ? 1 : 2);
    const rest = line.slice(mark.length).replace(/^ /, "");
    const turn = turns.at(-1)!;
    if (mark === "S:") turn.server += `${rest}\r\n`;
    else if (mark === ">") happens.push(rest);
    else if (mark === "A:") answers.set(...(rest.replaceAll("\\n", "\n").split(" -> ") as [string, string]));
    else if (mark === "!") turns.push({ event: rest, client: [], server: "" });
    else if (mark === "C:" && turn.server === "" && turns.length > 1) turn.client.push(...octetsOf(rest));
    else if (mark === "C:") turns.push({ event: undefined, client: octetsOf(rest), server: "" });
    else throw new Error(`what is "${line}"?`);
  }
  return { answers, turns, happens };
}

export function octetsOf(text: string): number[] {
  const complete = !text.endsWith("\\") || text.endsWith("\\\\");
  const octets = Buffer.from(complete ? text : text.slice(0, -1)).toString("latin1");
  const unescaped = octets.replace(/\\(x[0-9a-f]{2}|.)/g, (_, escape: string) => ESCAPES[escape] ?? String.fromCharCode(parseInt(escape.slice(1), 16)));
  return [...Buffer.from(unescaped, "latin1"), ...(complete ? [13, 10] : [])];
}

const ESCAPES: { readonly [escape: string]: string } = { r: "\r", n: "\n", t: "\t", 0: "\0", "\\": "\\" };

function settingsOf(options: string): Settings {
  const words = options.split(" ").filter((word) => word !== "").map((word) => word.split(/=(.*)/, 2) as [string, string?]);
  const limits = words.filter(([name]) => name.startsWith("limits.")).map(([name, value]) => [name.slice("limits.".length), Number(value)]);
  const given = Object.fromEntries(words) as { readonly [name: string]: string | undefined };
  return settings({
    hostname: "foo.com",
    ...(given["leniencies"] !== undefined && { leniencies: given["leniencies"].split(",") as Leniency[] }),
    limits: Object.fromEntries(limits),
    lineEndings: (given["line-endings"] ?? "refuse") as LineEndings,
    lmtp: "lmtp" in given,
    requireTls: "require-tls" in given,
    extensions: [...("auth" in given ? [auth(({ secure }) => (secure ? ["PLAIN", "CRAM-MD5"] : ["CRAM-MD5"]))] : []), ...("plain" in given ? [] : DEFAULT_EXTENSIONS), ...("smtputf8" in given ? [SMTPUTF8] : []), ...extensionsNamed(given["extensions"])],
  });
}

/** The first word; a command by its verb. */
function kindOf(line: string): string {
  return line.split(/[ ,]/, 1)[0]!;
}

export function difference(expected: string, actual: string): string {
  return `--- expected\n${expected}\n--- was\n${actual}`;
}
