import { DAY_MS } from '@fluxgate/contracts'
import { type EnvReader, readRetentionMs, readStatusAddress, type StatusAddress } from '@fluxgate/runtime'

export interface ProjectionConfig {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly status: StatusAddress
  /** Events of one transaction, at the most. */
  readonly batchEvents: number
  /** Events held while a transaction runs, before reading waits. */
  readonly bufferEvents: number
  /** How long a transaction waits to be full while the streams hold more. */
  readonly lingerMs: number
  /** Messages handed over by a reader at once, and fetched ahead by it. */
  readonly readEvents: number
  readonly readAheadEvents: number
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** How often the server is asked how far the streams go. */
  readonly lagEveryMs: number
  readonly statementTimeoutMs: number
  /** How long rows stay, and how often older ones are deleted and days made ahead (0: never). */
  readonly requestRetentionMs: number
  readonly usageRetentionMs: number
  readonly authRetentionMs: number
  readonly pruneEveryMs: number
  /** When that failed, as while Postgres is away, it comes again so soon. */
  readonly tidyRetryMs: number
}

export function readProjectionConfig(env: EnvReader): ProjectionConfig {
  return {
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    natsUrl: env.text('NATS_URL'),
    status: readStatusAddress(env),
    batchEvents: env.integer('PROJECTION_BATCH_EVENTS', 20_000, { min: 1, max: 100_000 }),
    bufferEvents: env.integer('PROJECTION_BUFFER_EVENTS', 40_000, { min: 1, max: 1_000_000 }),
    lingerMs: env.durationMs('PROJECTION_LINGER', 200),
    readEvents: env.integer('PROJECTION_READ_EVENTS', 400, { min: 1, max: 10_000 }),
    readAheadEvents: env.integer('PROJECTION_READ_AHEAD_EVENTS', 8_000, { min: 2, max: 100_000 }),
    retryMinMs: env.durationMs('PROJECTION_RETRY_MIN', 100),
    retryMaxMs: env.durationMs('PROJECTION_RETRY_MAX', 5_000),
    lagEveryMs: env.durationMs('PROJECTION_LAG_EVERY', 2_000),
    statementTimeoutMs: env.durationMs('PROJECTION_STATEMENT_TIMEOUT', 60_000),
    requestRetentionMs: readRetentionMs(env),
    usageRetentionMs: env.number('USAGE_KEPT_DAYS', 400, { min: 1 }) * DAY_MS,
    authRetentionMs: env.number('AUTH_KEPT_DAYS', 90, { min: 1 }) * DAY_MS,
    pruneEveryMs: env.durationMs('PROJECTION_PRUNE_EVERY', 3_600_000),
    tidyRetryMs: env.durationMs('PROJECTION_TIDY_RETRY', 30_000),
  }
}
