// What the engine asks of its caller: every value that Server.next() and Client.next() return (RFC 5321 §4.1 for the commands).

import type { Bdat, Command, Hello, Mail, Rcpt, Request } from "./command.js";
import type { Reply } from "./reply.js";

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
  /** What was not as the RFC has it, and was let pass: in the commands, and in the data. */
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
/** Octets to send now, as one write. */
export interface Output {
  readonly type: "output";
  /** Made of `text` when they are asked for, where there is one: a copy of the step has the text alone. */
  readonly octets: Uint8Array;
  /** The same, to be sent as UTF-8, where it is all text. */
  readonly text?: string;
  /** There are credentials in it: not for a log. */
  readonly secret?: true;
}

/**
 * STARTTLS was answered with 220, and that has left: do the TLS handshake, then say secured(). Nothing is read until then. Octets
 * that came behind STARTTLS and before it are dropped (RFC 3207 §6): so many, which somebody may want to know of.
 */
export interface Handshake { readonly type: "handshake"; readonly dropped: number }

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
  | Handshake
  /** The session is over; close the connection. */
  | { readonly type: "close" };

/**
 * What is waited for, and how long (§4.5.3.2): for the peer's command, data or reply, or for the application's answer. At the
 * sending end the wait for data is the peer's taking the next block.
 */
export interface Wait {
  readonly for: "command" | "data" | "answer" | "reply" | "handshake" | "nothing";
  readonly ms: number;
  /** With data: the wait for the whole message, the same for all of its blocks. */
  readonly whole?: Wait;
}

/** The end of the mail data: what the final reply answers. With LMTP there is one for each recipient, "message" the last (RFC 2033 §4.2). */
export interface EndOfData { readonly type: "message" | "delivery"; readonly recipient?: Rcpt }

/** What the sending end waits for a reply to. */
export type ClientQuestion = Request | Bdat | Connect | EndOfData;
/** The reply to what was sent, in the order of sending; to "connect" it is the greeting. */
export interface Answered { readonly type: "reply"; readonly to: ClientQuestion; readonly reply: Reply }
/** Why a session ended before its time. */
export interface Loss {
  readonly why: "closed" | "timed out" | "refused" | "unasked reply" | "unexpected reply" | "malformed reply" | "reply too long" | "octets behind STARTTLS";
  /** With "refused": what the peer said, 421 at any time, or a refusal in the middle of the mail data. */
  readonly reply?: Reply;
}

export type ClientStep =
  | Answered
  | Output
  /** receive() more octets, or say that there are none: ended(). Or go on: send(), body(), endBody(). */
  | { readonly type: "need-input" }
  /** Do the TLS handshake, then say secured(). Nothing is read until then. */
  | { readonly type: "handshake" }
  /** The session is over; close the connection. What was sent and not answered has no reply, and may have been done all the same. */
  | { readonly type: "close"; readonly loss?: Loss };
