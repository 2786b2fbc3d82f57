// How TLS is used towards a server: what is asked for, and whom it trusts.

/** Whether to turn to TLS where the server offers it (RFC 3207). */
export const START_TLS = ["if-offered", "required", "never"] as const;
export type StartTls = (typeof START_TLS)[number];

export interface TlsOptions {
  /** Certificates that are trusted, in PEM; those of the system if not given. */
  readonly ca?: string | Uint8Array;
  /** Whether the certificate has to be valid, and for the name of the host. True if not given. */
  readonly verify?: boolean;
}

/** What a server shows of itself. */
export interface Certificate {
  /** In PEM: the certificate, and those that vouch for it. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** Asks clients for a certificate, whoever has made it, and lets those in that have none, too: hooks decide, by its fingerprint. */
  readonly askClients?: boolean;
}

/** What the two ends of a TLS connection know, and no two others (RFC 5056). */
export interface ChannelBinding {
  readonly type: string;
  readonly octets: Uint8Array;
}

/** What is known of a client behind the handshake. */
export interface Secured {
  /** "TLSv1.3" */
  readonly protocol: string;
  readonly cipher: string;
  /** The SHA-256 fingerprint of the certificate that it has shown, and whose key it has: "AB:CD:…". */
  readonly fingerprint?: string;
  /** What a login can be tied to, where TLS gives it: with TLS 1.3. */
  readonly binding?: ChannelBinding;
}
