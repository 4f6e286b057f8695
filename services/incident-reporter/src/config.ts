import { type EnvReader, type LogStorage, readLogStorage } from '@fluxgate/runtime'

/** The HTTP client itself gives up after five minutes without an answer. */
const MAX_MODEL_TIMEOUT_MS = 290_000

export interface ReporterConfig {
  readonly natsUrl: string
  readonly logStorage: LogStorage
  readonly ollamaUrl: string
  readonly model: string
  /** For `/health`, `/ready` and `/metrics`; absent: none. */
  readonly metricsPort: number | undefined
  readonly limits: ReporterLimits
}

export interface ReporterLimits {
  /** Incidents worked on at once. */
  readonly concurrency: number
  /** For one answer of the model. */
  readonly modelTimeoutMs: number
  /** Between two tries for one incident: doubled each time from the first to the second. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
  /** Failures in a row after which the model is left alone for `restMs`. */
  readonly failuresToRest: number
  readonly restMs: number
}

export function readReporterConfig(env: EnvReader): ReporterConfig {
  return {
    natsUrl: env.text('NATS_URL'),
    logStorage: readLogStorage(env),
    ollamaUrl: env.url('OLLAMA_URL', ['http:', 'https:'], 'http://127.0.0.1:11434'),
    model: env.text('LLM_MODEL', 'phi4-mini'),
    metricsPort: env.optional('METRICS_PORT') === undefined ? undefined : env.port('METRICS_PORT', 0),
    limits: {
      concurrency: env.integer('REPORTER_CONCURRENCY', 2, { min: 1, max: 64 }),
      modelTimeoutMs: readTimeout(env),
      retryMinMs: 1_000,
      retryMaxMs: 60_000,
      failuresToRest: 3,
      restMs: 15_000,
    },
  }
}

function readTimeout(env: EnvReader): number {
  const timeoutMs = env.durationMs('LLM_TIMEOUT', 60_000)
  if (timeoutMs < 100 || timeoutMs > MAX_MODEL_TIMEOUT_MS) {
    env.fault(`LLM_TIMEOUT must be from 100ms to ${MAX_MODEL_TIMEOUT_MS / 1_000}s`)
  }
  return timeoutMs
}
