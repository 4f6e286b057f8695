/** A certificate chain and its key, both PEM. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
}
