// What the author of a server sees: who has connected, and the hooks that answer.

import { isIP } from "node:net";
import { isLoopback } from "./address.js";
import type { Eventually } from "./eventually.js";
import type { Identity } from "./sasl/mechanism.js";
import type { ChannelBinding, Secured } from "./tls.js";
import type { Abort, Command, Connect, Extension, Leniency, Message, Reply, Settings, XClient, XForward } from "../protocol/index.js";

/** The other end of a connection. */
export interface Peer {
  /** An IPv4 or IPv6 address; "local" for a unix socket. */
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Who it has shown to be (RFC 4954), where a server knows that. */
  readonly user?: string;
  /** The name of its host, where one that speaks for it (XCLIENT) has told: no name is looked up here. */
  readonly name?: string;
  /** Through a proxy (PROXY protocol, XCLIENT): the addresses are the client's, as the proxy told them; or the proxy's own, and the client is unknown. */
  readonly proxied?: "client" | "unknown";
}

/** Whether it is on this host. Nobody is who comes through a proxy: his address is one of the proxy's host, or the proxy's own. */
export function isOnThisHost({ address, port, proxied }: Peer): boolean {
  return proxied === undefined && (isIP(address) === 0 || isLoopback([address, port]));
}

/** Nothing: the reply that is usual there. A reply, or one as text: "550 5.7.1 Not today". */
export type Answer = Reply | string | void;

/** To a message also, with LMTP: a reply for each recipient, of which the last counts for all further ones (RFC 2033 §4.2). */
export type MessageAnswer = Answer | readonly (Reply | string)[];

/** To EHLO and HELO also: what is offered in this session, in the place of what the server offers (RFC 5321 §2.2). */
export type HelloAnswer = Answer | Settings;

/** A method's type: a hook may know more of its command than that its verb begins with X. */
type Hook<C, A> = { hook(command: C): Eventually<A> }["hook"];

/**
 * What one connection does with what comes. Hooks are named after the engine's steps, the peer's commands in upper case; one that
 * is not there answers as usual. An answer may be a promise; nothing more is read meanwhile, but for a window of RCPTs. A hook
 * that throws or rejects is reported, and the peer hears 451.
 */
export type Session = {
  readonly [T in Command["type"]]?: Hook<Extract<Command, { readonly type: T }>, T extends "EHLO" | "HELO" | "LHLO" ? HelloAnswer : Answer>;
} & {
  /** The peer speaks for a client of its own from here on. A 2yz reply, or nothing: this session is over, and one of that client's begins. */
  XCLIENT?(command: XClient): Eventually<Answer>;
  /** Where the next message came from; MAIL has all of it, as `forwarded`. */
  XFORWARD?(command: XForward): Eventually<Answer>;
  /** The greeting: 220, or a refusal (RFC 5321 §3.1). */
  connect?(step: Connect): Eventually<Answer>;
  /** The connection is under TLS now: behind STARTTLS, or before `connect`. All that was said before is forgotten. */
  secured?(tls: Secured): void;
  /** The client has logged in (RFC 4954): whose secret it was, and whom it speaks for. */
  authenticated?(identity: Identity): void;
  /** A piece of the message; the next comes when the promise resolves. A reply refuses the message, and takes effect at its end. */
  body?(chunk: Uint8Array): Eventually<Answer>;
  /** The message is there. A 2yz reply takes responsibility for it. Without this hook it is refused with 451. */
  message?(message: Message): Eventually<MessageAnswer>;
  /** A command that the RFC has otherwise was let pass: before the hook of that command. */
  leniency?(name: Leniency, command: Command): void;
  /** What MAIL opened ends without a message. Each accepted MAIL is followed by one `message` or one `abort`. */
  abort?(abort: Abort): void;
  /** The connection is over. The last call. */
  closed?(): void;
};

/** How clients log in; made by authentication(). */
export interface Authentication {
  readonly extension: Extension;
  /** The hooks of one connection for AUTH. They ask what it can be tied to, and tell who it is, and the operator what failed. */
  exchange(
    hostname: string,
    binding: () => ChannelBinding | undefined,
    authenticated: (identity: Identity) => void,
    failed: (error: unknown) => void,
  ): Pick<Session, "AUTH" | "response">;
}

export interface Strategy {
  session(peer: Peer): Session;
}
