// A node:net socket as a wire. All sockets share the same listeners, and what is known of one is found by it: an idle connection takes
// half as much room as with listeners of its own.

import type { Socket } from "node:net";
import { unmapped, type Address } from "./address.js";
import type { Connection } from "./serve.js";
import type { Peer } from "./strategy.js";
import type { Wire } from "./wire.js";

/** In the place of an address. */
export const UNIX_SOCKET = "local";
/** Between our last reply and the peer's closing. */
const LINGER_MS = 5_000;

/** What a wire's listener does for it. */
export interface Owner {
  upgrade(wire: SocketWire): void;
  over(wire: SocketWire): void;
}

/** Our end of a connection. */
export type OurEnd = Pick<Peer, "localAddress" | "localPort">;
/** Addresses that stand for all: what a client has connected to, the socket knows. */
const ALL: readonly string[] = ["0.0.0.0", "::"];

/** The one of every connection to an address that is listened on: no need to ask each socket, unless the address stands for all. */
export function ourEndAt(listening: Address): OurEnd | undefined {
  if (typeof listening === "string") return { localAddress: UNIX_SOCKET, localPort: 0 };
  const [localAddress, localPort] = [unmapped(listening[0]), listening[1]];
  return ALL.includes(localAddress) ? undefined : { localAddress, localPort };
}

function ourEndOf({ localAddress = UNIX_SOCKET, localPort = 0 }: Socket): OurEnd {
  return { localAddress: unmapped(localAddress), localPort };
}

export class SocketWire implements Wire {
  peer: Peer;
  socket: Socket;
  mayFlow = true;
  connection: Connection | undefined;
  owner: Owner | undefined;

  constructor(socket: Socket, { localAddress, localPort } = ourEndOf(socket)) {
    this.socket = socket;
    this.peer = { address: unmapped(socket.remoteAddress ?? UNIX_SOCKET), port: socket.remotePort ?? 0, localAddress, localPort };
  }

  write(octets: Uint8Array): boolean {
    return this.socket.destroyed || this.socket.write(octets);
  }

  writeText(text: string): boolean {
    return this.socket.destroyed || this.socket.write(text);
  }

  pause(): void {
    this.mayFlow = false;
    this.socket.pause();
  }

  resume(): void {
    this.mayFlow = true;
    this.socket.resume();
  }

  close(): void {
    this.socket.end();
    lingering(this.socket);
  }

  secure(): void {
    this.owner!.upgrade(this);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

const WIRE = Symbol("wire");
/** A socket that knows its wire. */
interface Wired extends Socket { [WIRE]: SocketWire }

export function attach(wire: SocketWire): void {
  const socket = wire.socket as Wired;
  socket[WIRE] = wire;
  socket.on("data", onData).on("drain", onDrain).on("end", onEnd).on("close", onClose);
}

/** What comes of a socket from here on is somebody else's: a handshake's. */
export function detach(socket: Socket): void {
  for (const event of ["data", "drain", "end", "close"]) socket.removeAllListeners(event);
}

function onData(this: Wired, octets: Buffer): void {
  this[WIRE].connection!.receive(octets);
}

function onDrain(this: Wired): void {
  this[WIRE].connection!.drained();
}

function onEnd(this: Wired): void {
  this[WIRE].connection!.ended();
}

function onClose(this: Wired): void {
  const wire = this[WIRE];
  wire.owner!.over(wire);
  wire.connection!.ended();
}

export function ignore(): void {}

/** Our side is closed. What still comes is read away, so that our last reply is not lost to a reset; but not for ever. */
export function lingering(socket: Socket): void {
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.on("close", () => clearTimeout(timer));
}
