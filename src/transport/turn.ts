// What is said to a socket in one turn of the event loop leaves as one write: a group of commands; a small message with what stands in
// front of it, and with its end.

import type { Socket } from "node:net";

/** Fewer octets in several pieces are put together: to copy them costs less than to hand over each. */
const TOGETHER_OCTETS = 8_192;

export class Turn {
  readonly #socket: () => Socket;
  /** Called when the turn is over: what is said then still belongs to it. */
  readonly #ends: () => void;
  #said: (string | Uint8Array)[] = [];
  #octets = 0;
  #begun = false;

  constructor(socket: () => Socket, ends: () => void) {
    this.#socket = socket;
    this.#ends = ends;
  }

  /** Something is to be said in it. */
  begin(): void {
    if (!this.#begun) process.nextTick(end, this);
    this.#begun = true;
  }

  /** Octets are lent until they have left. What is large does not wait for the turn's end. */
  say(piece: string | Uint8Array): void {
    this.#said.push(piece);
    this.#octets += piece.length;
    if (this.#octets > TOGETHER_OCTETS) this.#write();
    else this.begin();
  }

  end(): void {
    this.#ends();
    this.#begun = false;
    this.#write();
  }

  #write(): void {
    const socket = this.#socket();
    const together = this.#said.length > 1 && this.#octets <= TOGETHER_OCTETS;
    const pieces = together ? [joined(this.#said)] : this.#said;
    this.#said = [];
    this.#octets = 0;
    if (socket.destroyed || pieces.length === 0) return;
    if (pieces.length === 1) return void socket.write(pieces[0]!);
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.uncork();
  }
}

function end(turn: Turn): void {
  turn.end();
}

function joined(pieces: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}
