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
 * Time-stamp-line = "Received:" FWS From-domain By-domain [With] [Pri] ";" FWS date-time. `from`: the From-domain, where it is known
 * already.
 */
export function receivedLine(peer: Peer, passed: Passed, hostname: string, date: Date, from = fromDomain(peer, passed.hello)): string {
  const priority = passed.mail.parameters["MT-PRIORITY"]; // RFC 6710 §4.1, §7
  const pri = priority === undefined ? "" : ` PRIORITY ${priority}`;
  return `Received: ${from}\r\n\tby ${hostname} with ${withProtocol(passed, peer.user !== undefined)}${pri};\r\n\t${dateTime(date)}\r\n`;
}

/** From-domain: the name that the client gave itself, where it is a domain or a literal; else the address stands for it. One for a session. */
export function fromDomain({ address }: Peer, { domain }: Hello): string {
  const tcpInfo = literal(address);
  const name = isHost(domain) ? domain : tcpInfo ?? "localhost";
  return tcpInfo === undefined ? `from ${name}` : `from ${name} (${tcpInfo})`;
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

/** date-time of RFC 5322 §3.3, in local time with its offset (§4.4). Many messages come in a second, and it is made once in that. */
export function dateTime(date: Date): string {
  const east = -date.getTimezoneOffset();
  const second = Math.floor(date.getTime() / 1000);
  if (second !== latest.second || east !== latest.east) latest = { second, east, text: written(date, east) };
  return latest.text;
}

let latest = { second: NaN, east: 0, text: "" };

function written(date: Date, east: number): string {
  const [hours, minutes] = [Math.trunc(Math.abs(east) / 60), Math.abs(east) % 60].map((each) => String(each).padStart(2, "0"));
  return new Date(date.getTime() + east * 60_000).toUTCString().replace("GMT", `${east < 0 ? "-" : "+"}${hours}${minutes}`);
}
