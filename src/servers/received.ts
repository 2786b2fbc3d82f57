// Trace information (RFC 5321 §4.4): the line that every hop puts in front, and the count of those that are there.

import { isHost, type Hello, type Mail } from "../protocol/index.js";
import { literal, type Peer } from "../transport/index.js";

/**
 * Time-stamp-line = "Received:" FWS From-domain By-domain [With] ";" FWS date-time. The name that the client gave itself is shown
 * where it is a domain or a literal; else the address stands for it.
 */
export function receivedLine(peer: Peer, hello: Hello, mail: Mail, hostname: string, date: Date): string {
  const tcpInfo = literal(peer.address);
  const name = isHost(hello.domain) ? hello.domain : tcpInfo ?? "localhost";
  const from = tcpInfo === undefined ? name : `${name} (${tcpInfo})`;
  return `Received: from ${from}\r\n\tby ${hostname} with ${withProtocol(hello, mail)};\r\n\t${dateTime(date)}\r\n`;
}

/** "with" names the protocol: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8. */
function withProtocol(hello: Hello, mail: Mail): string {
  if (mail.parameters["SMTPUTF8"] === true) return "UTF8SMTP";
  return hello.type === "EHLO" ? "ESMTP" : "SMTP";
}

/** date-time of RFC 5322 §3.3, in local time with its offset (§4.4). */
function dateTime(date: Date): string {
  const east = -date.getTimezoneOffset();
  const [hours, minutes] = [Math.trunc(Math.abs(east) / 60), Math.abs(east) % 60].map((each) => String(each).padStart(2, "0"));
  return new Date(date.getTime() + east * 60_000).toUTCString().replace("GMT", `${east < 0 ? "-" : "+"}${hours}${minutes}`);
}

const LF = 0x0a;
const CR = 0x0d;
const CAPITAL_A = 0x41;
/** The bit that makes a letter a small one. */
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
      this.#matched = (octet < CAPITAL_A ? octet : octet | LOWER_CASE) === RECEIVED[this.#matched] ? this.#matched + 1 : -1;
      if (this.#matched !== RECEIVED.length) return;
      this.count += 1;
      this.#matched = -1;
    }
  }
}
