// The servers: what an application that knows Python's smtpd looks for.

export { SMTPServer, NotImplementedError, type MessageOptions, type SMTPServerOptions } from "./servers/smtp-server.js";
export { DebuggingServer, type DebuggingServerOptions } from "./servers/debugging-server.js";
export { PureProxy, type PureProxyOptions } from "./servers/pure-proxy.js";
export { MailmanProxy, type MailmanProxyOptions } from "./servers/mailman-proxy.js";
export { CannotTell, type Directory } from "./servers/mailman/directory.js";
export type { Listed, SubAddress } from "./servers/mailman/address.js";
export type { RelayingOptions } from "./servers/relaying.js";
export type { FormatName } from "./servers/formats.js";
export type { Output } from "./servers/standard-output.js";
export type {
  Address, Answer, Authentication, Certificate, Credentials, Eventually, ForwarderOptions, HelloAnswer, MessageAnswer, NextHop, Peer, Secured, Session,
  Strategy, TlsOptions, UpstreamOptions,
} from "./transport/index.js";
export { parseReply, reply, type Extension, type Forwarded, type Irregularity, type Limits, type LineEndings, type Reply } from "./protocol/index.js";
