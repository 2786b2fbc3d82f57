// The dialogue of all connections as lines for a terminal: who said it, and what, control characters shown, credentials not.

import { visible } from "./transport/visible.js";

/** A line is printed in pieces of this many octets at the most, so that a peer without line ends is not collected for ever. */
const LINE_OCTETS = 1000;
const CREDENTIALS = "(credentials)";
/** What is shown of a command that begins like AUTH: the verb, and a mechanism (RFC 4954 §8). All behind it might be a password. */
const SHOWN_OF_AUTH = /^[ \t]*AUTH(?:[ \t]+[-\w]{1,20}(?=[ \t]|$))?[ \t]*/i;

type Side = "client" | "server";
/** How a line ends; LF alone is for a server to judge. A piece of one has no end. */
type End = "CRLF" | "LF" | "none";

/** What is known of one connection. */
interface Talk {
  /** The line that is under way, as far as it is not printed yet. */
  readonly unfinished: Record<Side, string>;
  /** Replies that are to come; at first the greeting. */
  owed: number;
  /** The client is, or may be, within an exchange of AUTH. */
  secret: boolean;
  /** The client's line that is under way has begun within one. */
  secretLine: boolean;
  /** The client sends mail data: there are no commands in it. */
  data: boolean;
}

export class Dialogue {
  readonly #print: (line: string) => void;
  readonly #talks = new WeakMap<object, Talk>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Takes octets as they come and go. `connection` tells one from another; `name` is what it is called. */
  take(connection: object, name: string, side: Side, octets: Uint8Array): void {
    const talk = this.#talkOf(connection);
    const say = (text: string, end: End): void => this.#say(name, side, side === "client" ? ofClient(talk, text, end) : ofServer(talk, text, end));
    const lines = `${talk.unfinished[side]}${Buffer.from(octets).toString("latin1")}`.split("\n");
    let unfinished = lines.pop()!;
    for (const line of lines) say(line.replace(/\r$/, ""), line.endsWith("\r") ? "CRLF" : "LF");
    for (; unfinished.length > LINE_OCTETS; unfinished = unfinished.slice(LINE_OCTETS)) say(unfinished.slice(0, LINE_OCTETS), "none");
    talk.unfinished[side] = unfinished;
  }

  #talkOf(connection: object): Talk {
    const known = this.#talks.get(connection) ?? { unfinished: { client: "", server: "" }, owed: 1, secret: false, secretLine: false, data: false };
    this.#talks.set(connection, known);
    return known;
  }

  #say(name: string, side: Side, line: string): void {
    const text = line.replace(/[\x80-\xff]+/g, (octets) => Buffer.from(octets, "latin1").toString());
    this.#print(visible(`${name} ${side === "client" ? "C" : "S"}: ${text}`));
  }
}

/**
 * What is shown of a client's line, or of a piece of one. What it says with AUTH, and behind it until all has been answered, is nobody's
 * business (RFC 4954 §4): it need not wait for the challenges.
 */
function ofClient(talk: Talk, text: string, end: End): string {
  if (talk.data) {
    talk.data = text !== "." || end !== "CRLF";
    if (talk.data) return text;
  }
  const hidden = talk.secret || talk.secretLine;
  const [shown] = SHOWN_OF_AUTH.exec(text) ?? [];
  if (shown !== undefined) talk.secret = true;
  if (end === "CRLF") talk.owed += 1;
  talk.secretLine = end === "none" && (hidden || talk.secret);
  if (hidden) return CREDENTIALS;
  return shown === undefined || shown === text ? text : `${shown}${CREDENTIALS}`;
}

/** A server's line is shown as it is; it tells what the client's next one will be. */
function ofServer(talk: Talk, text: string, end: End): string {
  if (end === "none" || !/^\d{3}(?: |$)/.test(text)) return text; // no end of a reply
  talk.owed = Math.max(0, talk.owed - 1);
  talk.data = text.startsWith("354");
  if (text.startsWith("334")) talk.secret = true;
  else if (talk.secret && talk.owed === 0) {
    talk.secret = false;
    talk.secretLine = talk.unfinished.client !== "";
  }
  return text;
}
