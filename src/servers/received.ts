// Trace information (RFC 5321 §4.4): the line that every hop puts in front.

import { forwardable, isHost, UNAVAILABLE, type Forwarded, type Hello, type Mail } from "../protocol/index.js";
import { isOnThisHost, literal, type Peer } from "../transport/index.js";

/** How a message came here. */
export interface Passed {
  readonly hello: Hello;
  readonly mail: Mail;
  readonly secure?: boolean;
  readonly lmtp?: boolean;
}

/**
 * Time-stamp-line = "Received:" FWS From-domain By-domain [With] [Pri] ";" FWS date-time. The name that the client gave itself is shown
 * where it is a domain or a literal; else the address stands for it.
 */
export function receivedLine(peer: Peer, passed: Passed, hostname: string, date: Date): string {
  const { hello, mail } = passed;
  const priority = mail.parameters["MT-PRIORITY"]; // RFC 6710 §4.1, §7
  const pri = priority === undefined ? "" : ` PRIORITY ${priority}`;
  const tcpInfo = literal(peer.address);
  const name = isHost(hello.domain) ? hello.domain : tcpInfo ?? "localhost";
  const from = tcpInfo === undefined ? name : `${name} (${tcpInfo})`;
  return `Received: from ${from}\r\n\tby ${hostname} with ${withProtocol(passed, peer.user !== undefined)}${pri};\r\n\t${dateTime(date)}\r\n`;
}

/** What a next hop is told of the client with XFORWARD. There is no queue here in which a message would have a name. */
export function forwardedFrom(peer: Peer, passed: Passed): Forwarded {
  const { address, port, name, proxied } = peer;
  const known = proxied !== "unknown" && literal(address) !== undefined;
  return {
    NAME: forwardable(name),
    ADDR: known ? address.split("%", 1)[0]! : UNAVAILABLE,
    PORT: known && port !== 0 ? port : UNAVAILABLE,
    PROTO: withProtocol(passed, peer.user !== undefined),
    HELO: forwardable(passed.hello.domain),
    SOURCE: isOnThisHost(peer) ? "LOCAL" : "REMOTE",
  };
}

/** "with" names the protocol: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8; S is for TLS, A for a login. */
function withProtocol({ hello, mail, secure = false, lmtp = false }: Passed, authenticated: boolean): string {
  if (hello.type === "HELO") return "SMTP";
  const utf8 = mail.parameters["SMTPUTF8"] === true;
  const name = lmtp ? (utf8 ? "UTF8LMTP" : "LMTP") : utf8 ? "UTF8SMTP" : "ESMTP";
  return `${name}${secure ? "S" : ""}${authenticated ? "A" : ""}`;
}

/** date-time of RFC 5322 §3.3, in local time with its offset (§4.4). */
export function dateTime(date: Date): string {
  const east = -date.getTimezoneOffset();
  const [hours, minutes] = [Math.trunc(Math.abs(east) / 60), Math.abs(east) % 60].map((each) => String(each).padStart(2, "0"));
  return new Date(date.getTime() + east * 60_000).toUTCString().replace("GMT", `${east < 0 ? "-" : "+"}${hours}${minutes}`);
}
