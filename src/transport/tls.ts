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
  /** Asks clients for a certificate; it is valid if one of these vouches for it. One without is let in all the same: hooks decide. */
  readonly clientCa?: string | Uint8Array;
}

/** What is known of a client behind the handshake. */
export interface Secured {
  /** "TLSv1.3" */
  readonly protocol: string;
  readonly cipher: string;
  /** It has shown a certificate that is valid. */
  readonly authorized: boolean;
  /** The SHA-256 fingerprint of the certificate that it has shown, "AB:CD:…", and its common name. */
  readonly fingerprint?: string;
  readonly commonName?: string;
}
