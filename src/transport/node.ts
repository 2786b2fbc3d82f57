// node:net sockets as wires, and the listener that accepts them.

import { lookup } from "node:dns/promises";
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from "node:net";
import { formatReply, reply } from "../protocol/index.js";
import type { Address } from "./address.js";
import type { readAnnouncement } from "./announced.js";
import { tickMs } from "./clock.js";
import { Networks } from "./networks.js";
import { Connection, type ServeOptions } from "./serve.js";
import type { Securing } from "./securing.js";
import { attach, detach, ignore, lingering, ourEndAt, SocketWire, UNIX_SOCKET, type OurEnd, type Owner } from "./socket-wire.js";
import type { Peer } from "./strategy.js";
import type { Certificate, Secured } from "./tls.js";

export interface ListenOptions extends ServeOptions {
  /** More connections than this hear 421. */
  readonly maxConnections?: number;
  /** How long close() waits for what is in flight. */
  readonly graceMs?: number;
  /** For STARTTLS, or for TLS from the first octet on. */
  readonly certificate?: Certificate | undefined;
  /** TLS from the first octet on (RFC 8314). */
  readonly implicitTls?: boolean | undefined;
  /**
   * Networks of proxies: where there are any, each connection comes from one of them, and begins with the header of the PROXY protocol.
   * On a unix socket it comes from whoever can open that.
   */
  readonly proxyProtocol?: readonly string[] | undefined;
}

/** Connections at a time: twice what is asked of a small host. */
const MAX_CONNECTIONS = 4000;
const GRACE_MS = 30_000;
/** Connections that hear 421 and have not closed yet; beyond them the kernel closes. */
const MAX_REFUSED = 100;
/** One of a name's addresses that this host does not have, as ::1 where there is no IPv6, is passed over. */
const ABSENT: readonly string[] = ["EADDRNOTAVAIL", "EAFNOSUPPORT"];
/** From one look at the clock to the next, of the shortest time that is waited for anything. */
const TICK_SHARE = 0.25;

export class Listener {
  /** Resolves with the addresses listened on; rejects where there are none. */
  readonly listening: Promise<readonly Address[]>;
  readonly #address: Address;
  readonly #options: ListenOptions;
  readonly #servers: NetServer[] = [];
  readonly #wires = new Set<SocketWire>();
  readonly #owner: Owner = { upgrade: (wire) => this.#upgrade(wire), over: (wire) => this.#wires.delete(wire) };
  /** Those that have no session yet: a proxy's header, or a handshake, comes first. */
  readonly #waiting = new Set<SocketWire>();
  #securing: Securing | undefined;
  readonly #proxies: Networks | undefined;
  #readAnnouncement: typeof readAnnouncement | undefined;
  readonly #clock: NodeJS.Timeout;
  #closed: Promise<void> | undefined;

  /** Throws RangeError where `proxyProtocol` names what is no network. */
  constructor(address: Address, options: ListenOptions) {
    const { proxyProtocol = [] } = options;
    this.#address = address;
    this.#options = options;
    this.#proxies = proxyProtocol.length > 0 ? new Networks(proxyProtocol) : undefined;
    const { commandMs, dataBlockMs, messageMs, partingMs, answerMs, dataAnswerMs, messageAnswerMs } = options.settings.limits;
    const times = [commandMs, dataBlockMs, messageMs, partingMs, answerMs, dataAnswerMs, messageAnswerMs];
    this.#clock = setInterval(() => this.#tick(), tickMs(times, TICK_SHARE)).unref();
    this.listening = this.#listen(address);
  }

  /** How many connections there are. */
  get size(): number {
    return this.#wires.size;
  }

  /** From now on handshakes show this certificate. Rejects for one that is none. */
  async show(certificate: Certificate): Promise<void> {
    const { Securing } = await import("./securing.js"); // a server without one starts without node:tls
    this.#securing = new Securing(certificate);
  }

  /** Accepts no more; lets every session finish what is in flight, says 421, closes; after `graceMs` at once. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #listen(address: Address): Promise<readonly Address[]> {
    if (this.#options.certificate !== undefined) await this.show(this.#options.certificate);
    if (this.#proxies !== undefined) ({ readAnnouncement: this.#readAnnouncement } = await import("./announced.js"));
    if (typeof address === "string") return [addressOf(await this.#bind({ path: address }))];
    const [host, port] = address;
    // A name may stand for several addresses, as "localhost" does for 127.0.0.1 and ::1: a client may use any of them.
    const found = new Set((await lookup(host, { all: true })).map(({ address: ip }) => ip));
    const bound: Address[] = [];
    let failure: unknown;
    for (const ip of found) {
      const free = bound[0]?.[1] ?? port; // with port 0, all get the port that the first one got
      try {
        bound.push(addressOf(await this.#bind({ host: ip, port: free as number })));
      } catch (error) {
        if (!ABSENT.includes((error as NodeJS.ErrnoException).code!)) return this.#giveUp(error);
        failure = error;
      }
    }
    return bound.length > 0 ? bound : this.#giveUp(failure);
  }

  #giveUp(error: unknown): never {
    for (const server of this.#servers) server.close();
    clearInterval(this.#clock);
    throw error;
  }

  async #bind(where: { path: string } | { host: string; port: number }): Promise<NetServer> {
    let ourEnd: OurEnd | undefined;
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket, ourEnd));
    server.maxConnections = this.#max() + MAX_REFUSED;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(where, () => {
        ourEnd = ourEndAt(addressOf(server));
        server.off("error", reject).on("error", (error) => this.#options.failed("listener", error, NOBODY));
        resolve();
      });
    });
    this.#servers.push(server);
    return server;
  }

  #max(): number {
    return this.#options.maxConnections ?? MAX_CONNECTIONS;
  }

  #accept(socket: Socket, ourEnd: OurEnd | undefined): void {
    socket.on("error", ignore); // in the same tick as the accept: 'close' follows, and says it all
    if (socket.remoteAddress === undefined && typeof this.#address !== "string") return void socket.destroy(); // gone already
    const full = this.#wires.size + this.#waiting.size >= this.#max() || this.#closed !== undefined;
    const wire = new SocketWire(socket, ourEnd);
    const speaksFirst = this.#proxies === undefined && this.#options.implicitTls !== true;
    if (full) return speaksFirst ? this.#turnAway(socket, "Too many connections") : wire.destroy();
    if (this.#proxies === undefined) return this.#begin(wire);
    this.#hearProxy(wire, this.#proxies);
  }

  /** A proxy says who the client is, before anything else is said or read. */
  #hearProxy(wire: SocketWire, proxies: Networks): void {
    const refuse = (why: string): void => {
      wire.destroy();
      this.#options.failed("PROXY protocol", new Error(why), wire.peer);
    };
    if (typeof this.#address !== "string" && !proxies.has(wire.peer.address)) return refuse("no proxy of ours");
    const over = this.#wait(wire, this.#options.settings.limits.proxyHeaderMs, () => refuse("no header in time"));
    const announced = (client: Peer): void => {
      over();
      wire.peer = client;
      this.#begin(wire);
    };
    this.#readAnnouncement!(wire.socket, wire.peer, announced, refuse);
  }

  #begin(wire: SocketWire): void {
    if (this.#options.implicitTls !== true) return this.#serve(wire);
    const giveUp = (): void => wire.destroy();
    const over = this.#wait(wire, this.#options.settings.limits.handshakeMs, giveUp);
    this.#handshake(wire, (tls) => {
      wire.socket.off("end", giveUp);
      over();
      this.#serve(wire, tls); // the greeting comes behind it (RFC 8314 §3)
    });
    wire.socket.on("end", giveUp); // the client's: half open, it would keep its place
  }

  /** Whoever has no session yet takes a place, and has his time. Gives what ends the waiting. */
  #wait(wire: SocketWire, ms: number, late: () => void): () => void {
    const { socket } = wire;
    const timer = setTimeout(late, ms).unref();
    const over = (): void => {
      clearTimeout(timer);
      socket.off("close", over);
      this.#waiting.delete(wire);
    };
    socket.on("close", over);
    this.#waiting.add(wire);
    return over;
  }

  #serve(wire: SocketWire, tls?: Secured): void {
    try {
      wire.connection = new Connection(wire, this.#options, tls);
    } catch (error) {
      this.#options.failed("session", error, wire.peer);
      return this.#turnAway(wire.socket, "Local error");
    }
    wire.owner = this.#owner;
    this.#wires.add(wire);
    attach(wire);
    wire.connection.pump();
    if (wire.mayFlow) wire.socket.resume();
  }

  /** What of the plain socket comes from here on belongs to the handshake. */
  #upgrade(wire: SocketWire): void {
    detach(wire.socket);
    this.#handshake(wire, (tls) => wire.connection!.secured(tls));
    attach(wire);
  }

  #handshake(wire: SocketWire, done: (tls: Secured) => void): void {
    wire.socket = this.#securing!.handshake(wire.socket, done, (code) => this.#options.failed("TLS", new Error(code), wire.peer));
  }

  /** A connection that has no session (§3.8). */
  #turnAway(socket: Socket, why: string): void {
    const { hostname, limits } = this.#options.settings;
    const farewell = reply(421, "4.3.2", `${hostname} ${why}`, "RFC 5321 §3.8");
    socket.end(formatReply(farewell, { enhanced: false, utf8: false, lineOctets: limits.replyLineOctets }));
    lingering(socket);
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const { connection } of this.#wires) connection!.tick(nowMs);
  }

  async #close(): Promise<void> {
    for (const wire of this.#waiting) wire.destroy();
    for (const { connection } of this.#wires) connection!.shutdown(); // now: one may be in the middle of its last reply
    await this.listening.catch(() => {});
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    const grace = setTimeout(() => {
      for (const { socket, connection } of this.#wires) {
        connection!.shutdown(true);
        lingering(socket);
      }
    }, this.#options.graceMs ?? GRACE_MS).unref();
    await Promise.all(closed);
    clearTimeout(grace);
    clearInterval(this.#clock);
  }
}

const NOBODY: Peer = { address: UNIX_SOCKET, port: 0, localAddress: UNIX_SOCKET, localPort: 0 };

function addressOf(server: NetServer): Address {
  const address = server.address() as AddressInfo | string;
  return typeof address === "string" ? address : [address.address, address.port];
}
