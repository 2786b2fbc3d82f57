// The engine: everything an application needs of it. Runs wherever there is JavaScript with TextEncoder and TextDecoder.

export { Server } from "./server.js";
export { Client } from "./client.js";
export type {
  Abort, AbortReason, Answered, Body, ClientQuestion, ClientStep, Connect, EndOfData, Handshake, Irregularity, Loss, Message, Output, Question, Step, Wait,
} from "./step.js";
export { CLIENT_EXTENSIONS, compose, DEFAULT_EXTENSIONS, relayed, settings, sizeOffered, type Offers, type SettingsOptions } from "./grammar.js";
export { badSyntax, formatParameters, isHost, parameterTexts } from "./verbs.js";
export { formatCommand } from "./write.js";
export type {
  Auth, Bdat, ChallengeResponse, ClientAttributes, Command, Etrn, Forwarded, Hello, Mail, Parameters, ParameterValue, Plain, PrivateUse, Rcpt, Request,
  StartTls, WithString, XClient, XForward,
} from "./command.js";
export { TEMPORARILY_UNAVAILABLE, UNAVAILABLE } from "./command.js";
export { LINE_ENDINGS } from "./extension.js";
export type { ClientOptions, Extension, Grammar, LineEndings, Parameter, Row, Settings, Terms, Transaction } from "./extension.js";
export { auth, AUTH, NOBODY_KNOWN, type Mechanisms } from "./extensions/auth.js";
export { BINARYMIME } from "./extensions/binarymime.js";
export { CHUNKING } from "./extensions/chunking.js";
export { DELIVER_BY, deliverBy, parseBy, type By } from "./extensions/deliverby.js";
export { DSN } from "./extensions/dsn.js";
export { EIGHT_BIT_MIME } from "./extensions/8bitmime.js";
export { ENHANCED_STATUS_CODES } from "./extensions/enhancedstatuscodes.js";
export { ETRN } from "./extensions/etrn.js";
export { EXPN } from "./extensions/expn.js";
export { FUTURE_RELEASE, futureRelease } from "./extensions/futurerelease.js";
export { HELP } from "./extensions/help.js";
export { MT_PRIORITY, mtPriority } from "./extensions/mt-priority.js";
export { NO_SOLICITING, noSoliciting } from "./extensions/no-soliciting.js";
export { PIPELINING } from "./extensions/pipelining.js";
export { REQUIRE_TLS } from "./extensions/requiretls.js";
export { parseRrvs, RRVS, type ValidSince } from "./extensions/rrvs.js";
export { parseServerLimits, SERVER_LIMITS, serverLimits, type ServerLimits } from "./extensions/limits.js";
export { SIZE } from "./extensions/size.js";
export { SMTPUTF8 } from "./extensions/smtputf8.js";
export { STARTTLS } from "./extensions/starttls.js";
export { XCLIENT } from "./extensions/xclient.js";
export { XFORWARD, xforwards } from "./extensions/xforward.js";
export { forwardable } from "./forwarding.js";
export { leniencies, LENIENCIES, PRESETS, type Leniency, type Preset } from "./leniency.js";
export { LIMITS, type Limits } from "./limits.js";
export { isAscii, utf8Of } from "./bytes.js";
export { formatReply, parseReply, reply, REPLIES, type Reply, type ReplyFormat } from "./reply.js";
export { Conversation, TRANSITIONS, type Moves, type State, type Transitions } from "./state.js";
export { formatXtext, parseSubmitter, parseXtext } from "./xtext.js";
export type { Scan } from "./scan.js";
export { formatMailbox, formatPath, forwardPath, isPostmaster, mailbox, reversePath, type Path } from "./syntax.js";
export { decoder, encoder, endOfData, stuff, unstuff, type Decoder, type Encoder, type Unstuffed } from "./data.js";
