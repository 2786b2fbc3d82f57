// Servers that take down what they are told: one that stores, and a proxy in front of it whose Received line tells how a message came.

import * as assert from "uvu/assert";
import { PureProxy, SMTPServer, type Peer, type PureProxyOptions, type Secured, type Session, type SMTPServerOptions } from "../../dist/index.js";
import type { Identity } from "../../dist/transport/index.js";

export interface Taken {
  readonly from: string;
  readonly to: readonly string[];
  /** The parameters of MAIL, and those of each RCPT. */
  readonly mail: readonly string[];
  readonly rcpt: readonly (readonly string[])[];
  /** As it came, one character an octet. */
  readonly content: string;
}

type Trace = NonNullable<SMTPServerOptions["trace"]>;

/** Takes down what clients send, segment by segment. */
function into(segments: string[]): Trace {
  return (_, from, octets) => void (from === "client" && segments.push(Buffer.from(octets).toString()));
}

export class Recorder extends SMTPServer {
  readonly taken: Taken[] = [];
  readonly secured: Secured[] = [];
  readonly identities: Identity[] = [];
  readonly segments: readonly string[];

  constructor(options: SMTPServerOptions = {}) {
    const segments: string[] = [];
    super(["127.0.0.1", 0], undefined, { hostname: "mx.example", graceMs: 0, log: () => {}, trace: into(segments), ...options });
    this.segments = segments;
  }

  override session(peer: Peer): Session {
    return { ...super.session(peer), secured: (tls) => void this.secured.push(tls), authenticated: (identity) => void this.identities.push(identity) };
  }

  override processMessage(...[, from, to, data, { mailOptions, rcptOptions }]: Parameters<SMTPServer["processMessage"]>): ReturnType<SMTPServer["processMessage"]> {
    this.taken.push({ from, to, mail: mailOptions, rcpt: rcptOptions, content: Buffer.from(data as Uint8Array).toString("latin1") });
  }
}

class Proxy extends PureProxy {
  readonly secured: Secured[] = [];
  readonly identities: Identity[] = [];

  override session(peer: Peer): Session {
    const hooks = super.session(peer);
    return {
      ...hooks,
      secured: (tls) => (this.secured.push(tls), hooks.secured?.(tls)),
      authenticated: (identity) => (this.identities.push(identity), hooks.authenticated?.(identity)),
    };
  }
}

/** The proxy's line (RFC 5321 §4.4), and the protocol behind its "with". */
const RECEIVED = /^Received: from [^\r]+\r\n\tby front\.example with (\w+);\r\n\t[^\r]+\r\n/;

/** A proxy that relays to a recorder. */
export class Front {
  readonly port: number;
  readonly store: Recorder;
  readonly #proxy: Proxy;
  readonly #segments: readonly string[];

  private constructor(port: number, store: Recorder, proxy: Proxy, segments: readonly string[]) {
    this.port = port;
    this.store = store;
    this.#proxy = proxy;
    this.#segments = segments;
  }

  static async open(options: PureProxyOptions = {}): Promise<Front> {
    const store = new Recorder({ enableSMTPUTF8: true });
    const segments: string[] = [];
    const proxy = new Proxy(["127.0.0.1", 0], (await store.listening)[0] as readonly [string, number], { hostname: "front.example", graceMs: 0, log: () => {}, trace: into(segments), ...options });
    return new Front((await proxy.listening)[0]![1] as number, store, proxy, segments);
  }

  get secured(): readonly Secured[] {
    return this.#proxy.secured;
  }

  get identities(): readonly Identity[] {
    return this.#proxy.identities;
  }

  /** The mechanism that a client has chosen; nodemailer tries a token twice. */
  get asked(): string {
    return [...new Set(this.#segments.join("").match(/^AUTH [^ \r]+/gm))].join(", ").replaceAll("AUTH ", "");
  }

  /** The only message that came: what its client sent, and by which protocol. */
  get message(): Taken & { readonly protocol: string } {
    assert.is(this.store.taken.length, 1, `${this.store.taken.length} messages came`);
    const [taken] = this.store.taken;
    const [line, protocol] = RECEIVED.exec(taken!.content) ?? [];
    assert.ok(line !== undefined && protocol !== undefined, taken!.content);
    return { ...taken!, protocol, content: taken!.content.slice(line.length) };
  }

  async close(): Promise<void> {
    await this.#proxy.close();
    await this.store.close();
  }
}
