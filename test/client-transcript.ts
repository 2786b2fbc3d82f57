// Reads dialogues of the sending end out of Markdown. In a fence marked `client`:
//
//   S: what the server says and CRLF; escapes as in transcript.ts, a \ at the end for "no CRLF here"
//   !  what the application says: a command as on the wire; body TEXT; end of data; chunk TEXT; last chunk TEXT; secured; closed; timeout
//   C: what goes out because of it; all of it
//   >  what the application is told: "MAIL 250 2.1.0 Sender OK" for a reply, "lost ...", "handshake", "close"
//
// Behind the word `client` stand settings: lmtp, extensions=DSN,RRVS besides the usual ones, limits.pipelined=2.

import { Client, CLIENT_EXTENSIONS, settings, type ClientOptions, type ClientStep, type Request } from "../dist/protocol/index.js";
import { Scan } from "../dist/protocol/scan.js";
import { verb } from "../dist/protocol/words.js";
import { newTerms, newTransaction } from "../dist/protocol/verbs.js";
import { isReply } from "../dist/protocol/reply.js";
import { EXTENSIONS, extensionsNamed } from "./extensions.js";
import { latin1 } from "./drive.js";
import { difference, fences, octetsOf, segmentations } from "./transcript.js";

export interface ClientTranscript {
  readonly file: string;
  readonly title: string;
  readonly prose: string;
  readonly options: ClientOptions;
  readonly turns: readonly Turn[];
  readonly told: readonly string[];
}

/** What the server or the application says, and what goes out because of it. */
interface Turn {
  readonly server: number[];
  readonly says: string | undefined;
  out: string;
}

const KNOWN = settings({ extensions: [...new Map([...EXTENSIONS, ...CLIENT_EXTENSIONS.map((each) => [each.keyword, each] as const)]).values()] });

export function clientTranscripts(directory: URL): ClientTranscript[] {
  return fences(directory, "client").map(({ options, text, ...about }) => ({ ...about, options: optionsOf(options), ...dialogue(text) }));
}

/** Runs it at every segmentation of everything the server says. Gives the number of runs. */
export function playClient(transcript: ClientTranscript): number {
  const runs = segmentations(transcript.turns.map(({ server }) => server));
  for (const segments of runs) playOnce(transcript, segments);
  return runs.length;
}

function playOnce({ options, turns, told }: ClientTranscript, segments: readonly (readonly Uint8Array[])[]): void {
  const drive = new ClientDrive(new Client(options));
  for (const [index, { says, out }] of turns.entries()) {
    for (const segment of segments[index]!) drive.feed(segment);
    if (says !== undefined) drive.say(says);
    const said = drive.takeOutput();
    if (said !== out) throw new Error(`turn ${index + 1}, ${segments[index]!.length} segments\n${difference(out, said)}`);
  }
  if (drive.log.join("\n") !== told.join("\n")) throw new Error(difference(told.join("\n"), drive.log.join("\n")));
}

export class ClientDrive {
  readonly client: Client;
  readonly log: string[] = [];
  #output = "";

  constructor(client: Client) {
    this.client = client;
    this.run();
  }

  takeOutput(): string {
    const output = this.#output;
    this.#output = "";
    return output;
  }

  feed(octets: Uint8Array): void {
    this.client.receive(octets);
    this.run();
  }

  say(what: string): void {
    const [word = ""] = what.split(" ", 1);
    try {
      if (SAYINGS[word] === undefined) this.client.send(commandOf(what));
      else SAYINGS[word](this.client, what.slice(word.length + 1));
    } catch (error) {
      this.log.push(`refused: ${(error as Error).message}`);
    }
    this.run();
  }

  /** Pulls steps until the engine needs something that is not there. */
  run(): void {
    for (;;) {
      const step = this.client.next();
      if (step.type === "output") {
        this.#output += latin1(step.octets);
        continue;
      }
      if (step.type === "need-input") return;
      const text = toldOf(step);
      if (this.log.at(-1) !== text || step.type === "reply") this.log.push(text);
      if (step.type !== "reply") return;
    }
  }
}

const SAYINGS: { readonly [word: string]: (client: Client, rest: string) => void } = {
  body: (client, rest) => client.body(Uint8Array.from(octetsOf(rest))),
  end: (client) => client.endBody(),
  chunk: (client, rest) => client.chunk(Uint8Array.from(octetsOf(rest)), false),
  last: (client, rest) => client.chunk(Uint8Array.from(octetsOf(rest.replace(/^chunk ?/, ""))), true),
  secured: (client) => client.secured(),
  closed: (client) => client.ended(),
  timeout: (client) => client.timedOut(),
};

function toldOf(step: ClientStep): string {
  if (step.type === "reply") {
    const { code, enhanced, lines } = step.reply;
    const { to } = step;
    const recipient = to.type === "message" || to.type === "delivery" ? to.recipient : undefined;
    const whose = recipient === undefined ? to.type : `${to.type} for ${recipient.forwardPath.localPart}`;
    return [whose, code, enhanced, lines.join(" | ")].filter((each) => each !== "").join(" ");
  }
  if (step.type !== "close" || step.loss === undefined) return step.type;
  return `lost: ${step.loss.why}${step.loss.reply === undefined ? "" : ` ${step.loss.reply.code} ${step.loss.reply.lines.join(" | ")}`}`;
}

/** A command as its line on the wire has it. */
export function commandOf(text: string): Request {
  const [type = "", ...rest] = text.split(" ");
  if (type === "LHLO") return { type, domain: rest.join(" ") };
  if (type === "STARTTLS") return { type };
  if (type === "AUTH") return rest[1] === undefined ? { type, mechanism: rest[0]! } : { type, mechanism: rest[0]!, initial: rest[1] };
  if (type === "response") return { type, text: rest.join(" ") };
  const scan = new Scan(Uint8Array.from(octetsOf(text)), 0);
  const row = KNOWN.grammar.rows.get(verb(scan))!;
  const utf8 = { type: "MAIL", reversePath: null, parameters: { SMTPUTF8: true } } as const;
  const read = row.parse!(scan, { ...newTerms(KNOWN, { secure: true }), hello: { type: "EHLO", domain: "x" }, transaction: newTransaction(utf8) });
  if (isReply(read)) throw new Error(`what is "${text}"?`);
  return read as Request;
}

function dialogue(text: string): Pick<ClientTranscript, "turns" | "told"> {
  const told: string[] = [];
  const turns: Turn[] = [{ server: [], says: undefined, out: "" }];
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const mark = /^(?:S:|C:|>|!)/.exec(line)?.[0] ?? "";
    const rest = line.slice(mark.length).replace(/^ /, "");
    const turn = turns.at(-1)!;
    if (mark === "C:") turn.out += latin1(Uint8Array.from(octetsOf(rest)));
    else if (mark === ">") told.push(rest);
    else if (mark === "!") turns.push({ server: [], says: rest, out: "" });
    else if (mark === "S:" && turn.out === "" && turn.says === undefined) turn.server.push(...octetsOf(rest));
    else if (mark === "S:") turns.push({ server: octetsOf(rest), says: undefined, out: "" });
    else throw new Error(`what is "${line}"?`);
  }
  return { turns, told };
}

function optionsOf(text: string): ClientOptions {
  const words = text.split(" ").filter((word) => word !== "");
  const limits = words.filter((word) => word.startsWith("limits.")).map((word) => word.slice("limits.".length).split("=") as [string, string]);
  const extensions = words.find((word) => word.startsWith("extensions="))?.slice("extensions=".length);
  return { lmtp: words.includes("lmtp"), extensions: [...CLIENT_EXTENSIONS, ...extensionsNamed(extensions)], limits: Object.fromEntries(limits.map(([name, value]) => [name, Number(value)])) };
}
