// What the engine asks of its caller: every value that Server.next() returns (RFC 5321 §4.1 for the commands).

import type { Command, Hello, Mail, Rcpt } from "./command.js";

/** Somebody has connected: the reply is the greeting (§3.1). */
export interface Connect { readonly type: "connect" }
/** A message is there, whole. The reply takes responsibility for it, or does not (§4.2.5). */
export interface Message {
  readonly type: "message";
  readonly hello: Hello;
  readonly mail: Mail;
  /** The accepted ones, in order. */
  readonly recipients: readonly Rcpt[];
  /** Octets, dots unstuffed, the last CRLF included (RFC 1870 §5). */
  readonly size: number;
  /** What was not as the RFC has it, and was passed on. */
  readonly irregularities: readonly Irregularity[];
}
export interface Irregularity {
  readonly what: string;
  readonly count: number;
  readonly clause: string;
}

/** A piece of the message, dots unstuffed. A view of the octets that were lent to receive(): copy what is to be kept longer. */
export interface Body { readonly type: "body"; readonly chunk: Uint8Array }
/** The transaction that MAIL opened is over, and no message will come of it. Each opened one ends in `abort` or in `message`. */
export interface Abort { readonly type: "abort"; readonly reason: AbortReason }
export type AbortReason = "reset" | "closed" | "timed out" | "shut down" | "too many errors" | "too big" | "bare CR or LF" | "refused";
/** Replies to send now, as one write. */
export interface Output { readonly type: "output"; readonly octets: Uint8Array }

/** What is owed a reply. */
export type Question = Command | Connect | Message;
export type Step =
  | Question
  | Body
  | Abort
  | Output
  /** receive() more octets, or say that there are none: ended(). */
  | { readonly type: "need-input" }
  /** reply() to what was asked before; nothing more is read until then. */
  | { readonly type: "need-reply" }
  /** The session is over; close the connection. */
  | { readonly type: "close" };

/** What is waited for, and how long: for the peer's command or data, or for the application's answer (§4.5.3.2). */
export interface Wait {
  readonly for: "command" | "data" | "answer" | "nothing";
  readonly ms: number;
  /** With data: the wait for the whole message, the same for all of its blocks. */
  readonly whole?: Wait;
}
