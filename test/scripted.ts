// A server that does what it is told: a well-behaved one but for what the script says.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import type { NextHop } from "../dist/index.js";

/**
 * What is said to a verb, to "connect", to the end of the data (".") or to the first octets of the data ("body"): lines without their
 * last CRLF. "(nothing)", "(end)" and "(reset)" are what they say, also behind a text: "250 o(end)". A list: for the first, second, ...
 * time; its last item for all further ones.
 */
export type Script = { readonly [event: string]: string | readonly string[] };

const USUAL: Script = {
  "connect": "220 upstream.example ESMTP", "EHLO": "250-upstream.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES",
  "HELO": "250 upstream.example", "LHLO": "250 upstream.example", "MAIL": "250 2.1.0 Sender fine", "RCPT": "250 2.1.5 Recipient fine", "DATA": "354 Go on",
  ".": "250 2.6.0 Queued as 4711", "RSET": "250 2.0.0 Reset", "NOOP": "250 2.0.0 OK", "QUIT": "221 2.0.0 Bye(end)", "body": "(nothing)", "STARTTLS": "220 2.0.0 Go ahead",
};

export interface Certificate { readonly key: string; readonly cert: string }

export class Scripted {
  /** What each connection has said, in lines. */
  readonly heard: string[][] = [];
  /** Messages that were ended by CRLF.CRLF, dots still doubled. */
  readonly messages: string[] = [];
  /** Octets of mail data that came. */
  bodyOctets = 0;
  readonly sockets: Socket[] = [];
  script: Script;
  readonly #server: Server;
  readonly #certificate: Certificate | undefined;
  readonly #lmtp: boolean;
  readonly #times = new Map<string, number>();

  private constructor(script: Script, certificate: Certificate | undefined, implicitTls: boolean, lmtp: boolean) {
    this.script = script;
    this.#lmtp = lmtp;
    this.#certificate = certificate;
    const accept = (socket: Socket): void => this.#accept(socket);
    this.#server = implicitTls ? createTlsServer({ ...certificate! }, accept) : createServer({ noDelay: true }, accept);
    this.#server.on("tlsClientError", () => {});
  }

  /** `lmtp`: a message that is taken is answered once for each accepted recipient; a refusal once for all, as Mailman does. */
  static async start(script: Script = {}, { certificate, implicitTls = false, port = 0, path, lmtp = false }: { certificate?: Certificate; implicitTls?: boolean; port?: number; path?: string; lmtp?: boolean } = {}): Promise<Scripted> {
    const scripted = new Scripted(script, certificate, implicitTls, lmtp);
    scripted.#server.listen(path === undefined ? { host: "127.0.0.1", port } : { path });
    await once(scripted.#server, "listening");
    return scripted;
  }

  get address(): Exclude<NextHop, `mx:${string}`> {
    const address = this.#server.address() as { port: number } | string;
    return typeof address === "string" ? `/${address.slice(1)}` : ["127.0.0.1", address.port];
  }

  /** All that was said, connections apart by "|", lines by ", ". */
  get dialogue(): string {
    return this.heard.map((lines) => lines.join(", ")).join(" | ");
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const lines: string[] = [];
    this.heard.push(lines);
    this.#converse(socket, lines);
    this.#say(socket, "connect");
  }

  #converse(socket: Socket, lines: string[]): void {
    this.sockets.push(socket);
    socket.on("error", () => {});
    let unread = "";
    let inData = false;
    let accepted = 0;
    socket.on("data", (octets: Buffer) => {
      unread += octets.toString("latin1");
      for (;;) {
        if (inData) {
          this.bodyOctets += octets.length;
          this.#say(socket, "body");
          const end = `\r\n${unread}`.indexOf("\r\n.\r\n");
          if (end < 0) return;
          this.messages.push(unread.slice(0, end));
          unread = unread.slice(end + 3);
          inData = false;
          if (this.#say(socket, ".").startsWith("250") && this.#lmtp) for (let more = accepted - 1; more > 0; more--) socket.write("250 Ok\r\n");
          continue;
        }
        const end = unread.indexOf("\r\n");
        if (end < 0) return;
        const line = unread.slice(0, end);
        unread = unread.slice(end + 2);
        lines.push(line);
        const said = this.#say(socket, line.split(/[ :]/, 1)[0]!.toUpperCase());
        inData = said.startsWith("354");
        if (/^MAIL/i.test(line)) accepted = 0;
        if (/^RCPT/i.test(line) && said.startsWith("250")) accepted += 1;
        if (/^STARTTLS/i.test(line) && said.startsWith("220")) return this.#upgrade(socket, lines);
      }
    });
  }

  #upgrade(plain: Socket, lines: string[]): void {
    plain.removeAllListeners("data");
    const secure = new TLSSocket(plain, { isServer: true, ...this.#certificate! });
    lines.push("(handshake)");
    this.#converse(secure, lines);
  }

  #say(socket: Socket, event: string): string {
    const nth = this.#times.get(event) ?? 0;
    this.#times.set(event, nth + 1);
    const given = this.script[event] ?? USUAL[event] ?? "500 5.5.1 What?";
    const text = typeof given === "string" ? given : given[Math.min(nth, given.length - 1)]!;
    const [, said = "", act] = /^([^]*?)(?:\((nothing|end|reset)\))?$/.exec(text)!;
    if (socket.destroyed) return said;
    if (said !== "") socket.write(act === undefined || said.endsWith("Bye") ? `${said}\r\n` : said, "latin1");
    if (act === "end") socket.end();
    if (act === "reset") socket.resetAndDestroy();
    return said;
  }
}
