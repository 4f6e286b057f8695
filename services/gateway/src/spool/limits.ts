export interface SpoolLimits {
  /** Bytes on disk that all segments together may take. */
  readonly maxBytes: number
  /** Events waiting in memory; what is beyond is read back from the disk when its turn comes. */
  readonly maxQueued: number
  /** Events that are kept in memory alone while the disk takes none. */
  readonly maxUnspooled: number
  /** How long a commit waits for a stream's acknowledgement when the disk did not take its events. */
  readonly commitWaitMs: number
  /** How often it is written down what is stored, and deleted: each time looks at all events that are held. */
  readonly tidyEveryMs: number
  /** How often the directory is claimed again; other processes believe a claim for a minute. */
  readonly claimEveryMs: number
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = Object.freeze({
  maxBytes: 1024 ** 3,
  maxQueued: 8_192,
  maxUnspooled: 65_536,
  commitWaitMs: 2_000,
  tidyEveryMs: 500,
  claimEveryMs: 10_000,
})
