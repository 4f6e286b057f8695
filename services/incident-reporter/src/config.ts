import {
  type EnvReader,
  type LogStorage,
  readLogStorage,
  readModelName,
  readOllamaUrl,
  readStatusAddress,
  type StatusAddress,
} from '@fluxgate/runtime'
import { webhookSecret } from './notification.ts'

/** The HTTP client itself gives up after five minutes without an answer. */
const MAX_MODEL_TIMEOUT_MS = 290_000

export interface ReporterConfig {
  readonly natsUrl: string
  readonly logStorage: LogStorage
  readonly ollamaUrl: string
  readonly model: string
  readonly status: StatusAddress
  /** Who is told of incidents besides standard output. */
  readonly webhook: { readonly url: string; readonly secret: Uint8Array } | undefined
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
  /** A finding of the same identity and rule this long after the one before joins its incident. */
  readonly groupWindowMs: number
  /** Earlier incidents remembered for grouping and for reports. */
  readonly maxIncidents: number
  /** For one answer of the webhook's receiver. */
  readonly webhookTimeoutMs: number
  /** Tries of one notification before it goes to the dead letters: about a day. */
  readonly webhookTries: number
}

export function readReporterConfig(env: EnvReader): ReporterConfig {
  return {
    natsUrl: env.text('NATS_URL'),
    logStorage: readLogStorage(env),
    ollamaUrl: readOllamaUrl(env),
    model: readModelName(env),
    status: readStatusAddress(env),
    webhook: readWebhook(env),
    limits: {
      concurrency: env.integer('REPORTER_CONCURRENCY', 2, { min: 1, max: 64 }),
      modelTimeoutMs: readTimeout(env),
      retryMinMs: 1_000,
      retryMaxMs: 60_000,
      failuresToRest: 3,
      restMs: 15_000,
      groupWindowMs: env.durationMs('INCIDENT_GROUP_WINDOW', 600_000),
      maxIncidents: 20_000,
      webhookTimeoutMs: 10_000,
      webhookTries: 1_500,
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

function readWebhook(env: EnvReader): ReporterConfig['webhook'] {
  if (env.optional('NOTIFY_WEBHOOK_URL') === undefined) return undefined
  const url = env.url('NOTIFY_WEBHOOK_URL', ['http:', 'https:'])
  const secret = webhookSecret(env.text('NOTIFY_WEBHOOK_SECRET'))
  if (!secret) env.fault('NOTIFY_WEBHOOK_SECRET must be whsec_ followed by 24 to 64 bytes as Base64')
  return { url, secret: secret ?? new Uint8Array() }
}
