// TLS at the receiving end. A file of its own, so that a server without a certificate starts without node:tls.

import type { Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { channelBinding } from "./channel-binding.js";
import type { Certificate, Secured } from "./tls.js";

export class Securing {
  readonly #context: SecureContext;
  readonly #requestCert: boolean;

  /** Throws for what is no certificate, or no key of it. */
  constructor({ cert, key, askClients = false }: Certificate) {
    this.#context = createSecureContext({ cert: Buffer.from(cert), key: Buffer.from(key), minVersion: "TLSv1.2" });
    this.#requestCert = askClients;
  }

  /** Begins the handshake. Either `done` is called, or `failed` with the code of the error, or the socket closes. */
  handshake(plain: Socket, done: (tls: Secured) => void, failed: (code: string) => void): TLSSocket {
    const socket = new TLSSocket(plain, { isServer: true, secureContext: this.#context, requestCert: this.#requestCert, rejectUnauthorized: false });
    let secure = false;
    socket.on("error", ({ code = "unknown" }: NodeJS.ErrnoException) => {
      if (!secure) failed(code); // behind the handshake 'close' says it all
    });
    socket.once("secure", () => {
      secure = true;
      done(securedBy(socket));
    });
    return socket;
  }
}

function securedBy(socket: TLSSocket): Secured {
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256;
  const binding = channelBinding(socket);
  const protocol = socket.getProtocol() ?? "";
  return { protocol, cipher: socket.getCipher().name, ...(fingerprint !== undefined && { fingerprint }), ...(binding !== undefined && { binding }) };
}
