// Prints each message and discards it.

import type { Answer, Address, Peer } from "../transport/index.js";
import { FORMATS, type FormatName } from "./formats.js";
import { SMTPServer, type MessageOptions, type SMTPServerOptions } from "./smtp-server.js";
import { standardOutput, type Output } from "./standard-output.js";

export interface DebuggingServerOptions extends SMTPServerOptions {
  /** "text" if not given; "python" is what Python 3's DebuggingServer prints, "json" is one object a line. */
  readonly format?: FormatName;
  /** Where to print: standard output if not given. */
  readonly output?: Output;
}

export class DebuggingServer extends SMTPServer {
  readonly #format: FormatName;
  readonly #output: Output;
  /** Messages are formatted and written one after the other: what a slow output costs is one message's room. */
  #printed: Promise<unknown> = Promise.resolve();

  constructor(localaddr: Address, remoteaddr?: Address | readonly Address[], options: DebuggingServerOptions = {}) {
    super(localaddr, remoteaddr, { ...options, decodeData: false });
    this.#format = options.format ?? "text";
    this.#output = options.output ?? standardOutput();
    this.#output.on?.("error", () => {}); // a closed or full output is told to the write below, and there to the client
  }

  /** Says 250 once the message is written, 451 if it cannot be. */
  override async processMessage(peer: Peer, mailfrom: string, rcpttos: string[], data: Uint8Array | string, options: MessageOptions): Promise<Answer> {
    const envelope = { peer, mailfrom, rcpttos, data: data as Uint8Array, ...options };
    const turn = this.#printed.then(() => this.#print(FORMATS[this.#format](envelope, this.#output.isTTY === true)));
    this.#printed = turn.catch(() => {});
    await turn;
    for (const { what, count, clause } of options.irregularities) {
      this.log(`message from ${peer.address}: ${count}x ${what} (${clause})`);
    }
  }

  /** One write a message: messages never mix. */
  #print(octets: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(octets, (error) => (error ? reject(error) : resolve()));
    });
  }
}
