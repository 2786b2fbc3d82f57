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
