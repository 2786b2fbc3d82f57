// Whether what is stored is what was sent.

/** The proxy's line, right in front of what was sent (RFC 5321 §4.4). */
const RECEIVED = /(?:^|\n)Received: from [^\n]+\n\tby [^\n]+ with E?SMTP;\n\t[^\n]+\n$/;

/** `sent`: as latin1, with LFs; from the first line to the last. */
export function isRelayed(stored: string, sent: string): boolean {
  return stored.endsWith(sent) && RECEIVED.test(stored.slice(0, stored.length - sent.length));
}
