// Where mail ends: what Mailman sends to its members, and the upstream with its people.

import { SMTPServer, type Answer, type Peer, type Session } from "../../../dist/index.js";
import { until } from "../accounting/processes.js";

export interface Letter {
  readonly from: string;
  readonly to: readonly string[];
  /** With LFs; an octet a character. */
  readonly content: string;
}

/** Mailman's queues are looked through ten times a second, but by a machine that may be busy. */
const PATIENCE_MS = 40_000;

export class Mailboxes extends SMTPServer {
  readonly letters: Letter[] = [];

  constructor(port: number) {
    super(["127.0.0.1", port], undefined, { hostname: "mailboxes.test", enableSMTPUTF8: true, log: () => {} });
  }

  override processMessage(_: Peer, from: string, to: string[], data: Uint8Array): Answer {
    this.letters.push({ from, to, content: Buffer.from(data).toString("latin1").replaceAll("\r\n", "\n") });
  }

  /** Those that hold a text, in their order. */
  with(text: string): readonly Letter[] {
    return this.letters.filter(({ content }) => content.includes(text));
  }

  /** Waits for a letter that is this one. */
  async arrived(is: (letter: Letter) => boolean, what: string): Promise<Letter> {
    await until(async () => this.letters.some(is), `${what} has arrived`, PATIENCE_MS);
    return this.letters.find(is)!;
  }

  /** Waits until everybody has got a letter that holds a text. */
  async arrivedFor(text: string, ...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) await this.arrived(({ to, content }) => to.includes(address) && content.includes(text), `${text} for ${address}`);
  }
}

export const REFUSED_SUBJECT = "refused when it is whole";

/** Takes mail for everybody at person.test, for carol@example.test and for nobody else; but not a message with that subject. */
export class People extends Mailboxes {
  override session(peer: Peer): Session {
    const isThere = (localPart: string, domain: string): boolean => domain === "person.test" || (domain === "example.test" && localPart === "carol");
    return {
      ...super.session(peer),
      RCPT: ({ forwardPath: { localPart, domain } }) => (isThere(localPart, domain) ? "250 2.1.5 A person" : "550 5.1.1 No such person"),
    };
  }

  override processMessage(peer: Peer, from: string, to: string[], data: Uint8Array): Answer {
    if (Buffer.from(data).includes(`Subject: ${REFUSED_SUBJECT}`)) return "554 5.7.1 Not with this subject";
    return super.processMessage(peer, from, to, data);
  }
}
