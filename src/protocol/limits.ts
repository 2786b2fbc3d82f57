// Every number of the engine, with its reason. Sizes are octets (RFC 5321 §4.5.3.1), times are milliseconds (§4.5.3.2).

export interface Limits {
  /** §4.5.3.1.1 */
  readonly localPartOctets: number;
  /** §4.5.3.1.2 */
  readonly domainOctets: number;
  /** §4.5.3.1.3: with its brackets, and its source route. */
  readonly pathOctets: number;
  /** §4.5.3.1.4: with its CRLF; an extension adds to it, for the commands it extends (§2.2.2). */
  readonly commandLineOctets: number;
  /** §4.5.3.1.5: with its CRLF; longer texts go on in a further line. */
  readonly replyLineOctets: number;
  /** §4.5.3.1.6: with its CRLF; longer lines are passed on and reported, so that old programs are not locked out. */
  readonly textLineOctets: number;
  /** §4.5.3.1.7: what SIZE declares and what is enforced while reading; 0 is no limit (RFC 1870 §4). */
  readonly messageOctets: number;
  /** §4.5.3.1.8: at least 100. */
  readonly recipients: number;
  /** How many RCPT commands may wait for their answers at a time: enough to hide a slow look-up, little to keep. */
  readonly rcptWindow: number;
  /** Refusals of the engine's own (5yz) since the last message, before 421: what is no mail program is not served for ever. */
  readonly errors: number;
  /** Replies are collected up to this many octets before they leave: a group of some hundred commands. */
  readonly outputOctets: number;
  /** The sending end: one whole reply of the peer's, all its lines. An AUTH challenge may be 12,288 octets long (RFC 4954 §4). */
  readonly replyOctets: number;
  /** The sending end: commands that wait for their replies at a time, so that neither end's buffers fill up (RFC 2920 §3.1). */
  readonly pipelined: number;
  /** §4.5.3.2.7: for the whole next command, however slowly its octets drip. */
  readonly commandMs: number;
  /** For the next block of mail data: as long as the client waits for one to be taken (§4.5.3.2.5). */
  readonly dataBlockMs: number;
  /** For one whole message: ten minutes of silence after every block would hold a connection for months. */
  readonly messageMs: number;
  /** For the TLS handshake behind STARTTLS: no human being has a part in it. */
  readonly handshakeMs: number;
  /** For the header of the PROXY protocol, the first that a proxy sends: a segment that is lost comes again after three seconds at the latest. */
  readonly proxyHeaderMs: number;
  /** At a shutdown, for the client of a message just finished to say QUIT. */
  readonly partingMs: number;
  /** For the application to answer a command: the client gives up after five minutes (§4.5.3.2.2, §4.5.3.2.3). */
  readonly answerMs: number;
  /** For the application to answer DATA: the client gives up after two (§4.5.3.2.4). */
  readonly dataAnswerMs: number;
  /** For the application to answer a message: here the client gives up after ten (§4.5.3.2.6). */
  readonly messageAnswerMs: number;
  /** The sending end, for the greeting and the reply to a command (§4.5.3.2.1 to 3). */
  readonly replyMs: number;
  /** For the reply to DATA (§4.5.3.2.4). */
  readonly dataReplyMs: number;
  /** For the reply to a message (§4.5.3.2.6). */
  readonly messageReplyMs: number;
  /** For the reply to QUIT: nothing hangs on it any more. */
  readonly quitReplyMs: number;
  /** For the reply to RSET: there is nothing to think about, and it is how an idle connection shows that it lives. */
  readonly rsetReplyMs: number;
  /** LMTP, for each further reply to a message: some peers give one where RFC 2033 §4.2 asks for one a recipient. */
  readonly deliveryReplyMs: number;
}

export const LIMITS: Limits = {
  localPartOctets: 64,
  domainOctets: 255,
  pathOctets: 256,
  commandLineOctets: 512,
  replyLineOctets: 512,
  textLineOctets: 1000,
  messageOctets: 33_554_432,
  recipients: 1000,
  rcptWindow: 16,
  errors: 20,
  outputOctets: 16_384,
  replyOctets: 16_384,
  pipelined: 100,
  commandMs: 300_000,
  dataBlockMs: 180_000,
  messageMs: 3_600_000,
  handshakeMs: 30_000,
  proxyHeaderMs: 5_000,
  partingMs: 2_000,
  answerMs: 270_000,
  dataAnswerMs: 100_000,
  messageAnswerMs: 540_000,
  replyMs: 300_000,
  dataReplyMs: 120_000,
  messageReplyMs: 600_000,
  quitReplyMs: 2_000,
  rsetReplyMs: 20_000,
  deliveryReplyMs: 60_000,
};
