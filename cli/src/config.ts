import { type EnvReader, readRetentionMs } from '@fluxgate/runtime'

export interface ForensicsConfig {
  /** Absent: the log of the system that runs with `dataDir`. */
  readonly natsUrl: string | undefined
  readonly dataDir: string
  /** Absent: the tables of the system that runs with `dataDir`, or none. */
  readonly databaseUrl: string | undefined
  /** How long the projection keeps rows of requests. */
  readonly requestRetentionMs: number
  readonly limits: ForensicsLimits
}

export interface ForensicsLimits {
  /** A log that has not answered by then counts as away. */
  readonly connectTimeoutMs: number
  /** Live events held while the output is slower; beyond it they are told as left out. */
  readonly maxBufferedEvents: number
  /** Event ids remembered, so that what is sent or read twice is shown once. */
  readonly maxSeenIds: number
}

export function readForensicsConfig(env: EnvReader): ForensicsConfig {
  return {
    natsUrl: env.optional('NATS_URL'),
    dataDir: env.text('FLUXGATE_DATA_DIR', '.fluxgate'),
    databaseUrl: env.optional('DATABASE_URL'),
    requestRetentionMs: readRetentionMs(env),
    limits: {
      connectTimeoutMs: env.durationMs('FORENSICS_CONNECT_TIMEOUT', 5_000),
      maxBufferedEvents: 50_000,
      maxSeenIds: 100_000,
    },
  }
}
