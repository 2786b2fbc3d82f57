// The engine: everything an application needs of it. Runs wherever there is JavaScript with TextEncoder and TextDecoder.

export { Server, type Abort, type AbortReason, type Body, type Output, type Question, type Step, type Wait } from "./server.js";
export { settings, compose, DEFAULT_EXTENSIONS, type SettingsOptions } from "./grammar.js";
export {
  formatCommand, formatParameters, parameterTexts, withString,
  type Command, type Connect, type Ehlo, type Irregularity, type Mail, type Message, type Plain, type PrivateUse, type Rcpt, type WithString,
} from "./command.js";
export type {
  Asked, Extension, Grammar, LineEndings, Parameter, Parameters, ParameterValue, Row, Settings, Terms, Transaction,
} from "./extension.js";
export { EIGHT_BIT_MIME } from "./extensions/8bitmime.js";
export { ENHANCED_STATUS_CODES } from "./extensions/enhancedstatuscodes.js";
export { HELP } from "./extensions/help.js";
export { PIPELINING } from "./extensions/pipelining.js";
export { SIZE } from "./extensions/size.js";
export { SMTPUTF8 } from "./extensions/smtputf8.js";
export { LIMITS, type Limits } from "./limits.js";
export { formatReply, parseReply, reply, REPLIES, type Reply, type ReplyFormat } from "./reply.js";
export { COMMAND_STATES, Conversation, READS, TRANSITIONS, type Moves, type State, type Transitions } from "./state.js";
export { formatMailbox, formatPath, type Path, type Rule, type Scan } from "./syntax.js";
export { decoder, encoder, endOfData, stuff, unstuff, type Decoder, type Encoder, type Unstuffed } from "./data.js";
