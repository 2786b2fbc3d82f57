// A client for bench/relay.js. Like most mail programs it waits for every reply; each of them has to be the one that is due.

import { connect } from "node:net";

const encoder = new TextEncoder();
const HEADER = "From: <a@example.com>\r\nTo: <b@example.org>\r\nSubject: bench\r\n\r\n";
const LINE = `${"The quick brown fox jumps over the lazy dog. ".repeat(2).slice(0, 72)}\r\n`;
const BLOCK = encoder.encode(LINE.repeat(885)); // about 64 KB
const END = encoder.encode(".\r\n");
/** No message here takes as long. */
const PATIENCE_MS = 20_000;

/** A message, as the blocks that are written: about so many octets. @param {number} octets @returns {Uint8Array[]} */
export function message(octets) {
  const lines = Math.max(1, Math.round((octets - HEADER.length) / LINE.length));
  const blocks = Array.from({ length: Math.floor(lines / 885) }, () => BLOCK);
  const rest = encoder.encode(LINE.repeat(lines % 885));
  if (blocks.length === 0) return [Buffer.concat([encoder.encode(HEADER), rest, END])];
  return [encoder.encode(HEADER), ...blocks, Buffer.concat([rest, END])];
}

export class Client {
  #socket;
  #said = "";
  #code = "220";
  /** @type {(value?: unknown) => void} */
  #resolve = () => {};
  /** @type {(error: Error) => void} */
  #reject = () => {};

  /** @param {number} port */
  constructor(port) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setTimeout(PATIENCE_MS, () => this.#fail("nothing happened"));
    this.#socket.on("error", (error) => this.#fail(error.message));
    this.#socket.on("close", () => this.#fail("connection closed"));
    this.#socket.on("data", (chunk) => this.#receive(chunk.toString("latin1")));
  }

  /** @param {number} port */
  static async open(port) {
    const client = new Client(port);
    await client.#due("220");
    await client.#ask("EHLO client.example\r\n", "250");
    return client;
  }

  /** @param {readonly Uint8Array[]} blocks */
  async send(blocks) {
    await this.#ask("MAIL FROM:<a@example.com>\r\n", "250");
    await this.#ask("RCPT TO:<b@example.org>\r\n", "250");
    await this.#ask("DATA\r\n", "354");
    const answer = this.#due("250");
    answer.catch(() => {});
    for (const block of blocks) if (!this.#socket.write(block)) await Promise.race([answer, this.#drained()]);
    await answer;
  }

  async quit() {
    await this.#ask("QUIT\r\n", "221");
    this.#socket.end();
  }

  /** @param {string} line @param {string} code */
  #ask(line, code) {
    this.#socket.write(line, "latin1");
    return this.#due(code);
  }

  #drained() {
    return new Promise((resolve) => this.#socket.once("drain", resolve));
  }

  /** @param {string} code @returns {Promise<unknown>} */
  #due(code) {
    this.#code = code;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** @param {string} text */
  #receive(text) {
    this.#said += text;
    const last = this.#said.lastIndexOf("\n", this.#said.length - 2) + 1;
    if (!this.#said.endsWith("\n") || this.#said[last + 3] === "-") return;
    const said = this.#said;
    this.#said = "";
    if (!said.startsWith(this.#code)) return this.#fail(said);
    this.#code = "nothing";
    this.#resolve();
  }

  /** @param {string} why */
  #fail(why) {
    this.#reject(new Error(`${this.#code} was due, but: ${why}`));
    this.#socket.destroy();
  }
}
