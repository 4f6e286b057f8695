import type { EnvReader } from '@fluxgate/runtime'

export interface SimulatorConfig {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  readonly models: readonly string[]
  readonly latencyMs: number
  readonly tokensPerSecond: number
  /** Length of an answer that no limit cuts. */
  readonly answerTokens: number
  /** Applied when the request names no limit. */
  readonly maxTokens: number
  readonly embeddingDimensions: number
  readonly maxBodyBytes: number
  /** The same bytes for the same request: its ids come from its body, and no time passes. */
  readonly repeatable: boolean
}

export const SIMULATOR_DEFAULTS: SimulatorConfig = Object.freeze({
  host: '127.0.0.1',
  port: 0,
  models: Object.freeze(['phi4-mini', 'gpt-4o-mini', 'llama3.2', 'text-embedding-3-small']),
  latencyMs: 30,
  tokensPerSecond: 200,
  answerTokens: 80,
  maxTokens: 4_096,
  embeddingDimensions: 256,
  maxBodyBytes: 64 * 1024 ** 2,
  repeatable: false,
})

export function readSimulatorConfig(env: EnvReader): SimulatorConfig {
  const models = env.list('SIMULATOR_MODELS')
  return {
    host: env.text('SIMULATOR_HOST', SIMULATOR_DEFAULTS.host),
    port: env.port('SIMULATOR_PORT', 11_435),
    models: models.length > 0 ? models : SIMULATOR_DEFAULTS.models,
    latencyMs: env.number('SIMULATOR_LATENCY_MS', SIMULATOR_DEFAULTS.latencyMs, { max: 600_000 }),
    tokensPerSecond: env.number('SIMULATOR_TOKENS_PER_SECOND', SIMULATOR_DEFAULTS.tokensPerSecond),
    answerTokens: env.integer('SIMULATOR_ANSWER_TOKENS', SIMULATOR_DEFAULTS.answerTokens, { min: 1 }),
    maxTokens: env.integer('SIMULATOR_MAX_TOKENS', SIMULATOR_DEFAULTS.maxTokens, { min: 1 }),
    embeddingDimensions: SIMULATOR_DEFAULTS.embeddingDimensions,
    maxBodyBytes: SIMULATOR_DEFAULTS.maxBodyBytes,
    repeatable: SIMULATOR_DEFAULTS.repeatable,
  }
}
