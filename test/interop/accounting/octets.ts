// A socket that is read when somebody asks: lines, replies, mail data.

import type { Socket } from "node:net";

/** The connection is no more. */
export class Over extends Error {}

const PATIENCE_MS = 20_000;
const END_OF_DATA = Buffer.from("\r\n.\r\n");

export interface Piece {
  readonly octets: Buffer;
  /** Behind it stands the dot that ends the data; it is not part of it. */
  readonly last: boolean;
}

export class Octets {
  readonly socket: Socket;
  #unread = Buffer.alloc(0);
  #wake = (): void => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (octets: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, octets]);
      socket.pause();
      this.#wake();
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#wake());
  }

  /** Up to its CRLF, and with it. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#unread.indexOf("\r\n");
      if (end >= 0) return this.#take(end + 2).toString("latin1");
      await this.#more();
    }
  }

  /** All its lines (RFC 5321 §4.2.1). */
  async reply(): Promise<string> {
    let said = "";
    for (;;) {
      const line = await this.line();
      said += line;
      if (line[3] !== "-") return said;
    }
  }

  /** What there is of the mail data, but for what may be the beginning of its end. */
  async mailData(): Promise<Piece> {
    for (;;) {
      const { length } = this.#unread;
      if (this.#unread.subarray(-END_OF_DATA.length).equals(END_OF_DATA)) {
        const octets = this.#take(length - 3);
        this.#take(3);
        return { octets, last: true };
      }
      if (length >= END_OF_DATA.length) return { octets: this.#take(length - END_OF_DATA.length + 1), last: false };
      await this.#more();
    }
  }

  async write(octets: string | Uint8Array): Promise<void> {
    if (this.socket.destroyed) throw new Over();
    if (this.socket.write(octets)) return;
    await new Promise((resolve) => this.socket.once("drain", resolve).once("close", resolve));
  }

  /** Reads away what comes, until the other end closes. That it does is what is expected of it. */
  async gone(): Promise<never> {
    this.socket.removeAllListeners("data").resume();
    let late: NodeJS.Timeout | undefined;
    await new Promise<unknown>((resolve, reject) => {
      late = setTimeout(() => reject(new Error("the proxy does not close")), PATIENCE_MS);
      if (this.socket.closed) resolve(undefined);
      this.socket.once("close", resolve);
    }).finally(() => clearTimeout(late));
    throw new Over();
  }

  async #more(): Promise<void> {
    if (this.socket.destroyed) throw new Over();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.socket.resume();
    });
  }

  #take(length: number): Buffer {
    const taken = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return taken;
  }
}
