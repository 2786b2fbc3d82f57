// The transport: the loop, for a wire of any kind; node:net sockets as wires; the way to the next hop.

export { isOnThisHost, type Answer, type Authentication, type HelloAnswer, type MessageAnswer, type Peer, type Session, type Strategy } from "./strategy.js";
export type { Eventually } from "./eventually.js";
export { Connection, type ServeOptions } from "./serve.js";
export type { Wire } from "./wire.js";
export { inTime, Stop, type Signal } from "./in-time.js";
export { isLoopback, literal, reaches, written, type Address } from "./address.js";
export { Forwarders, type ForwarderOptions } from "./forwarders.js";
export { Networks } from "./networks.js";
export { Listener, type ListenOptions } from "./node.js";
export { formatProxyHeader, PROXY_LIMITS, ProxyReader, type ProxyAddresses, type ProxyStep } from "./proxy-protocol.js";
export { Upstream, type UpstreamOptions } from "./connect.js";
export type { Finals } from "./link.js";
export type { Passage, Transaction } from "./transaction.js";
export { targetsOf, type NextHop, type Resolver, type Target } from "./next-hop.js";
export { START_TLS, type Certificate, type ChannelBinding, type Secured, type StartTls, type TlsOptions } from "./tls.js";
export { bindingFor, MECHANISMS, offered, usable, type Channel, type Credentials } from "./mechanisms.js";
export { authentication, type AuthenticationOptions } from "./authentication.js";
export { AUTH_LIMITS, AUTH_REPLIES, Login, type LoginStep } from "./login.js";
export type { Authenticator, ClientPart, Failure, Identity, Mechanism, Proof, ServerPart, Serving, TokenTarget } from "./sasl/mechanism.js";
export { SCRAM_ITERATIONS, scramSecret } from "./sasl/scram-secret.js";
export { channelBinding } from "./channel-binding.js";
export { visible } from "./visible.js";
