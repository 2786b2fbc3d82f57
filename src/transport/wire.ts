// What a connection runs over, whatever it is: a socket (socket-wire.ts), or one of the application's own.

import type { Peer } from "./strategy.js";

/** One connection, as the loop sees it. Everything here returns at once and throws nothing. */
export interface Wire {
  readonly peer: Peer;
  /** Sends octets. False: enough are waiting; call drained() when they are gone. */
  write(octets: Uint8Array): boolean;
  /** The same for a text, as UTF-8, where the wire can do that as it is. */
  writeText?(text: string): boolean;
  /** No more octets, please; and: go on. */
  pause(): void;
  resume(): void;
  /** Does the TLS handshake, as the server, and calls secured(). A wire that cannot does not have it, and its server does not offer STARTTLS. */
  secure?(): void;
  /** Sends what waits, then closes. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
}
