// The transport: the loop, for a wire of any kind, and node:net sockets as wires.

export type { Answer, Eventually, Peer, Session, Strategy } from "./strategy.js";
export { Connection, type ServeOptions, type Wire } from "./serve.js";
export { Listener, type Address, type ListenOptions } from "./node.js";
export { visible } from "./visible.js";
