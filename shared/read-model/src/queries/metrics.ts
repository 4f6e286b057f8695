import { MINUTE_MS } from '@fluxgate/contracts'
import type { Database } from '../database.ts'
import { type AsOf, asOf } from './as-of.ts'
import { type IdentityUsage, topIdentities, type Usage, usageTotalAndByModel } from './usage.ts'

/** Sums since the first event of the log. `admitted` = `completed` + `failed` + `interrupted` + `inFlight`. */
export interface Totals {
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly inFlight: number
  readonly settled: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
  readonly cachedTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly reasoningTokens: number
  readonly audioInputTokens: number
  readonly audioOutputTokens: number
  readonly images: number
  readonly toolCalls: number
  /** Millionths of a US dollar. */
  readonly costMicros: number
  /** Facts told more than once in the log, counted once. */
  readonly repeated: number
}

export interface GatewayMetrics {
  /** Start and end of the window in epoch milliseconds; the start is widened to a whole minute. */
  readonly from: number
  readonly to: number
  readonly window: Usage
  readonly identities: IdentityUsage[]
  readonly models: Array<Usage & { readonly model: string }>
  readonly totals: Totals
  readonly asOf: AsOf[]
}

const TOP_ROWS = 10

export async function gatewayMetrics(
  db: Database,
  { windowMs, nowMs, limit = TOP_ROWS }: { windowMs: number; nowMs: number; limit?: number },
): Promise<GatewayMetrics> {
  const from = Math.floor((nowMs - windowMs) / MINUTE_MS) * MINUTE_MS
  // Nodes' clocks may run a little ahead of the asker's: the minute that has begun counts whole.
  const scope = { from, to: nowMs + MINUTE_MS, nowMs }
  const [{ total: window, models }, identities, totals, positions] = await Promise.all([
    usageTotalAndByModel(db, { ...scope, limit }),
    topIdentities(db, { ...scope, limit }),
    requestTotals(db),
    asOf(db),
  ])
  return { from, to: nowMs, window, identities, models, totals, asOf: positions }
}

export async function requestTotals(db: Database): Promise<Totals> {
  const row = await db.selectFrom('request_totals').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
  return {
    admitted: row.admitted,
    refused: row.refused,
    completed: row.completed,
    failed: row.failed,
    interrupted: row.interrupted,
    inFlight: row.admitted - row.completed - row.failed - row.interrupted,
    settled: row.settled,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    totalTokens: row.total_tokens,
    cachedTokens: row.cached_tokens,
    cacheWrite5mTokens: row.cache_write_5m_tokens,
    cacheWrite1hTokens: row.cache_write_1h_tokens,
    reasoningTokens: row.reasoning_tokens,
    audioInputTokens: row.audio_input_tokens,
    audioOutputTokens: row.audio_output_tokens,
    images: row.images,
    toolCalls: row.tool_calls,
    costMicros: row.cost_micros,
    repeated: row.repeated,
  }
}
