// A growing run of octets. Short pieces are copied together: kept one by one, a message that came octet by octet would take
// a hundred times its size.

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

export class Octets {
  #room = NOTHING;
  #length = 0;

  append(piece: Uint8Array): void {
    this.#reserve(piece.length);
    this.#room.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** One octet. */
  push(octet: number): void {
    if (this.#length === this.#room.length) this.#reserve(1);
    this.#room[this.#length++] = octet;
  }

  /** Text as UTF-8. */
  print(text: string): void {
    this.append(encoder.encode(text));
  }

  /** All of it, and begins anew. */
  take(): Uint8Array {
    const octets = this.#room.subarray(0, this.#length);
    this.#room = NOTHING;
    this.#length = 0;
    return octets;
  }

  #reserve(more: number): void {
    const length = this.#length + more;
    if (length <= this.#room.length) return;
    const room = new Uint8Array(Math.max(length, this.#room.length * 2, 64));
    room.set(this.#room.subarray(0, this.#length));
    this.#room = room;
  }
}
