// The servers: what an application that knows Python's smtpd looks for.

export { SMTPServer, NotImplementedError, type MessageOptions, type SMTPServerOptions } from "./servers/smtp-server.js";
export { DebuggingServer, type DebuggingServerOptions } from "./servers/debugging-server.js";
export type { FormatName } from "./servers/formats.js";
export type { Output } from "./servers/standard-output.js";
export type { Address, Answer, Eventually, Peer, Session, Strategy } from "./transport/index.js";
export { parseReply, reply, type Extension, type Irregularity, type Limits, type LineEndings, type Reply } from "./protocol/index.js";
