// Trace information (RFC 5321 §4.4): the line that every hop puts in front, and the count of those that are there.

import { isIP } from "node:net";
import type { Hello, Mail } from "../protocol/index.js";
import type { Peer } from "../transport/index.js";

/**
 * Time-stamp-line = "Received:" FWS From-domain By-domain [With] ";" FWS date-time. The name that the client gave itself is shown
 * where it is a domain or a literal; else the address stands for it.
 */
export function receivedLine(peer: Peer, hello: Hello, mail: Mail, hostname: string, date: Date): string {
  const tcpInfo = literal(peer.address);
  const name = /^(?:[A-Za-z0-9.-]+|\[[A-Za-z0-9.:]+\])$/.test(hello.domain) ? hello.domain : tcpInfo ?? "localhost";
  const from = tcpInfo === undefined ? name : `${name} (${tcpInfo})`;
  return `Received: from ${from}\r\n\tby ${hostname} with ${withProtocol(hello, mail)};\r\n\t${dateTime(date)}\r\n`;
}

/** address-literal; undefined for a unix socket. */
function literal(address: string): string | undefined {
  const [ip = ""] = address.split("%"); // the zone is this host's own affair
  const version = isIP(ip);
  return version === 0 ? undefined : version === 6 ? `[IPv6:${ip}]` : `[${ip}]`;
}

/** "with" names the protocol: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8. */
function withProtocol(hello: Hello, mail: Mail): string {
  if (mail.parameters["SMTPUTF8"] === true) return "UTF8SMTP";
  return hello.type === "EHLO" ? "ESMTP" : "SMTP";
}

/** date-time of RFC 5322 §3.3, in UTC. */
function dateTime(date: Date): string {
  return date.toUTCString().replace("GMT", "+0000");
}

const LF = 0x0a;
const CR = 0x0d;
/** The bit that makes a letter a small one; the colon has it anyway. */
const LOWER_CASE = 0x20;
const RECEIVED = new TextEncoder().encode("received:");

/** Counts the Received lines of a header while it passes. */
export class Hops {
  count = 0;
  #headerEnded = false;
  /** How much of "Received:" this line began with; -1 once it is another line. */
  #matched = 0;
  /** Octets of this line, CR and LF not counted. */
  #lineOctets = 0;

  pass(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#headerEnded; at++) this.#octet(chunk[at]!);
  }

  #octet(octet: number): void {
    if (octet === LF) {
      this.#headerEnded = this.#lineOctets === 0;
      this.#lineOctets = 0;
      this.#matched = 0;
    } else if (octet !== CR) {
      this.#lineOctets += 1;
      if (this.#matched < 0) return;
      this.#matched = (octet | LOWER_CASE) === RECEIVED[this.#matched] ? this.#matched + 1 : -1;
      if (this.#matched !== RECEIVED.length) return;
      this.count += 1;
      this.#matched = -1;
    }
  }
}
