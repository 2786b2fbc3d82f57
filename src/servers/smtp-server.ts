/// <reference lib="esnext.disposable" preserve="true" />
// The base class that Python's users know: override processMessage. Built on the same hooks as any other strategy.

import { hostname } from "node:os";
import {
  DEFAULT_EXTENSIONS, formatMailbox, parameterTexts, REPLIES, SMTPUTF8, settings, STARTTLS, type AbortReason, type Extension, type Forwarded, type Irregularity,
  type Leniency, type Limits, type LineEndings, type Message, type Preset, type Reply, type Settings,
} from "../protocol/index.js";
import { SMTP_PORT, type Address } from "../transport/address.js";
import { Listener } from "../transport/node.js";
import { Forwarders, type ForwarderOptions } from "../transport/forwarders.js";
import type { ServeOptions } from "../transport/serve.js";
import type { Eventually } from "../transport/eventually.js";
import type { Authentication, MessageAnswer, Peer, Session, Strategy } from "../transport/strategy.js";
import type { Certificate } from "../transport/tls.js";
import { visible } from "../transport/visible.js";
import { Octets } from "./octets.js";

export interface SMTPServerOptions extends ForwarderOptions {
  /** Octets; 0 for no limit. 33,554,432 if not given. */
  readonly dataSizeLimit?: number;
  /** Offers SMTPUTF8, so that addresses may be more than ASCII (RFC 6531). */
  readonly enableSMTPUTF8?: boolean;
  /** Further extensions: EXPN, or the application's own (RFC 5321 §2.2.2). */
  readonly extensions?: readonly Extension[];
  /** `data` is text: lines joined by LF, without the last line ending. Otherwise it is the octets as they came. */
  readonly decodeData?: boolean;
  /** The name in the greeting; the host's own if not given. */
  readonly hostname?: string;
  /** The certificate for STARTTLS, or for TLS from the first octet on. */
  readonly certificate?: Certificate;
  /** TLS from the first octet on (RFC 8314). */
  readonly implicitTls?: boolean;
  /** Nothing is taken in the clear (RFC 3207 §4). */
  readonly requireTls?: boolean;
  /** How clients log in: what authentication() of smtpd/transport makes. */
  readonly authentication?: Authentication;
  /** LMTP (RFC 2033): LHLO, and a reply for each recipient. */
  readonly lmtp?: boolean;
  /** What is taken although the RFC has it otherwise: presets ("strict", "interoperable", "smtpd") and single names. ["interoperable"] if not given. */
  readonly leniencies?: Iterable<Preset | Leniency>;
  /** What to do with a bare CR or LF: "refuse" if not given. */
  readonly lineEndings?: LineEndings;
  readonly limits?: Partial<Limits>;
  readonly maxConnections?: number;
  /**
   * Networks of proxies: where there are any, each connection comes from one of them, and begins with the header of the PROXY protocol,
   * which tells who the client is.
   */
  readonly proxyProtocol?: readonly string[];
  /** Octets of all messages that are being collected or processed; what is more is refused with 452. 1 GiB if not given. */
  readonly memoryLimit?: number;
  /** How long close() waits for what is in flight, in milliseconds. */
  readonly graceMs?: number;
  /** For the operator, one line a call, fit for a terminal; standard error if not given. */
  readonly log?: (line: string) => void;
  /** A message was taken, and 250 said. */
  readonly accepted?: ServeOptions["accepted"];
  /** Sees all octets as they come and go. */
  readonly trace?: ServeOptions["trace"];
}

export interface MessageOptions {
  /** Where the message came from, if a host of the networks of `xforward` has told. */
  readonly forwarded?: Forwarded;
  /** The parameters of MAIL: ["SIZE=1000", "BODY=8BITMIME"]. */
  readonly mailOptions: readonly string[];
  /** Those of each RCPT, in the order of `rcpttos`. */
  readonly rcptOptions: readonly (readonly string[])[];
  /** The name given with EHLO or HELO. */
  readonly client: string;
  /** Octets. */
  readonly size: number;
  /** What was not as the RFC has it, and was let pass: in its commands, and in its data. */
  readonly irregularities: readonly Irregularity[];
}

const MEMORY_LIMIT = 1_073_741_824;

/** processMessage was not overridden. */
export class NotImplementedError extends Error {
  override readonly name = "NotImplementedError";
}

export class SMTPServer implements Strategy, AsyncDisposable {
  readonly _localaddr: Address;
  readonly _remoteaddr: Address | readonly Address[] | undefined;
  protected readonly options: SMTPServerOptions;
  /** What the engine of each connection is made with. */
  protected readonly settings: Settings;
  readonly #listener: Listener;
  /** Octets of all messages that are being collected, or wait for their answer. */
  #held = 0;

  /** Listens on construction. Addresses are [host, port]; port 0 is any that is free. The base does not use `remoteaddr`. */
  constructor(localaddr: Address, remoteaddr?: Address | readonly Address[], options: SMTPServerOptions = {}) {
    this._localaddr = localaddr;
    this._remoteaddr = remoteaddr;
    this.options = options;
    const { maxConnections, graceMs, accepted, trace, certificate, implicitTls, proxyProtocol, requireTls = false, lmtp = false, authentication } = options;
    if (certificate === undefined && (implicitTls === true || requireTls)) throw new TypeError("TLS needs a certificate");
    if (lmtp && typeof localaddr !== "string" && localaddr[1] === SMTP_PORT) throw new RangeError("LMTP is not spoken on port 25 (RFC 2033 §5)");
    const forwarders = new Forwarders(options);
    this.settings = settings({
      hostname: options.hostname ?? hostname(),
      lmtp,
      requireTls,
      extensions: [...DEFAULT_EXTENSIONS, ...extensionsOf(options), ...forwarders.extensions, ...(options.extensions ?? [])],
      limits: { ...options.limits, ...(options.dataSizeLimit !== undefined && { messageOctets: options.dataSizeLimit }) },
      lineEndings: options.lineEndings ?? "refuse",
      ...(options.leniencies !== undefined && { leniencies: options.leniencies }),
    });
    this.#listener = new Listener(localaddr, {
      settings: this.settings,
      strategy: this,
      failed: (what, error, peer, replied) => this.failed(what, error, peer, replied),
      accepted,
      trace,
      authentication,
      permitted: (peer) => forwarders.permitted(peer),
      certificate,
      implicitTls,
      proxyProtocol,
      ...(maxConnections !== undefined && { maxConnections }),
      ...(graceMs !== undefined && { graceMs }),
    });
  }

  /** Resolves with the addresses listened on: [["127.0.0.1", 8025], ["::1", 8025]]. Rejects if that fails. */
  get listening(): Promise<readonly Address[]> {
    return this.#listener.listening;
  }

  /** From now on TLS shows this certificate; sessions that are under way keep theirs. Rejects for one that is none. */
  show(certificate: Certificate): Promise<void> {
    return this.#listener.show(certificate);
  }

  /** Accepts no more, finishes what is in flight, says 421 to the rest. */
  close(): Promise<void> {
    return this.#listener.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Override this. `mailfrom` is "<>" for the null sender; `data` is octets, or text with `decodeData`. Returning nothing means
   * 250; a reply, or one as text, is sent instead; with LMTP also a list of them, one for each recipient. Throwing means 451:
   * nothing is acknowledged that was not handled.
   */
  processMessage(_peer: Peer, _mailfrom: string, _rcpttos: string[], _data: Uint8Array | string, _options: MessageOptions): Eventually<MessageAnswer> {
    throw new NotImplementedError("processMessage is not overridden");
  }

  /**
   * The hooks for one connection. Override it for a say at any step, `{ ...super.session(peer), RCPT: (command) => … }`,
   * or to take the body as it comes.
   */
  session(peer: Peer): Session {
    const data = new Octets();
    let held = 0;
    const release = (): void => {
      this.#held -= held;
      held = 0;
      data.take();
    };
    return {
      body: (chunk) => {
        if (this.#held + chunk.length > (this.options.memoryLimit ?? MEMORY_LIMIT)) return REPLIES.insufficientStorage;
        this.#held += chunk.length;
        held += chunk.length;
        return data.append(chunk);
      },
      abort: ({ reason }) => {
        release();
        if (FAULTS[reason] !== undefined) this.log(`message from ${peer.address} refused: ${FAULTS[reason]}`);
      },
      message: async (message) => {
        try {
          return await this.#process(peer, message, data.take());
        } finally {
          release(); // not before: one that waits for its answer takes room too
        }
      },
    };
  }

  /** One line for the operator. Control characters in it are shown, not obeyed. */
  protected log(line: string): void {
    (this.options.log ?? console.error)(visible(`smtpd: ${line}`));
  }

  #process(peer: Peer, { hello, mail, recipients, size, irregularities }: Message, octets: Uint8Array): Eventually<MessageAnswer> {
    const from = mail.reversePath === null ? "<>" : formatMailbox(mail.reversePath);
    const to = recipients.map(({ forwardPath }) => formatMailbox(forwardPath));
    const data = this.options.decodeData === true ? textOf(octets) : octets;
    const mailOptions = parameterTexts(mail.parameters);
    const rcptOptions = recipients.map(({ parameters }) => parameterTexts(parameters));
    const { forwarded } = mail;
    return this.processMessage(peer, from, to, data, { mailOptions, rcptOptions, client: hello.domain, size, irregularities, ...(forwarded && { forwarded }) });
  }

  protected failed(what: string, error: unknown, peer: Peer, replied?: Reply): void {
    this.log(`${what} from ${peer.address} failed${replied === undefined ? "" : ` and was answered ${replied.code}`}: ${described(error)}`);
  }
}

/** Those that other options bring with them. */
function extensionsOf({ certificate, implicitTls, authentication, enableSMTPUTF8 }: SMTPServerOptions): Extension[] {
  return [
    ...(certificate !== undefined && implicitTls !== true ? [STARTTLS] : []),
    ...(authentication !== undefined ? [authentication.extension] : []),
    ...(enableSMTPUTF8 === true ? [SMTPUTF8] : []),
  ];
}

/** An error in a line. Anything may be thrown, even what has no text. */
function described(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "an unknown error";
  }
}

/** What is wrong with a message itself: its author wants to know, even where the program that sent it does not tell. */
const FAULTS: { readonly [reason in AbortReason]?: string } = {
  "too big": "it is larger than the size limit (RFC 1870 §6)",
  "bare CR or LF": "its lines do not all end in CRLF (RFC 5321 §2.3.8); line endings \"normalise\" would mend them",
};

/** As in Python: lines joined by LF, the last line ending gone. What is not UTF-8 becomes U+FFFD. */
function textOf(octets: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(octets).replaceAll("\r\n", "\n").replace(/\n$/, "");
}
