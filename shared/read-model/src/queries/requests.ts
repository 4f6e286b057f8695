import type { Database } from '../database.ts'
import type { RequestState, Row } from '../tables.ts'
import { timeOf } from '../time.ts'
import { isAfter, type Page, pageLimit, pageOf } from './cursor.ts'

/** One request, as far as the log tells. Times are epoch milliseconds, durations milliseconds. */
export interface Request {
  readonly id: string
  readonly userId: string
  readonly keyId: string
  /** `admitted` is in flight. */
  readonly state: RequestState
  /** When it was admitted or refused; until that is known, when its first fact was told. */
  readonly at: number
  readonly tier: string | null
  readonly dialect: string | null
  readonly method: string | null
  readonly path: string | null
  /** The model that was asked for. */
  readonly model: string | null
  /** The model that answered, where it is known. */
  readonly answeredModel: string | null
  readonly upstream: string | null
  readonly stream: boolean | null
  readonly address: string | null
  readonly agent: string | null
  /** `/gateway/<node>/<boot>` */
  readonly source: string | null
  readonly status: number | null
  /** Why it was refused, the failure's code, or who interrupted. */
  readonly reason: string | null
  /** A failure's phase and message. */
  readonly phase: string | null
  readonly message: string | null
  readonly retryAfterMs: number | null
  /** Which limit refused it: `tokens`, `requests`, `streams`, `throttle` or `budget:<name>`. */
  readonly refusedBy: string | null
  readonly endedAt: number | null
  readonly durationMs: number | null
  readonly firstByteMs: number | null
  readonly bytes: number | null
  /** Upstreams tried. */
  readonly attempts: number | null
  readonly promptChars: number | null
  readonly promptEstimate: number | null
  /** Tokens taken at admission. */
  readonly reserved: number | null
  /** Progress until the settlement, then the true count. */
  readonly promptTokens: number | null
  readonly completionTokens: number | null
  readonly totalTokens: number | null
  /** Part of the prompt that came from the upstream's cache. */
  readonly cachedTokens: number | null
  /** The other parts: see `Usage`. Null where the vendor has not reported them. */
  readonly cacheWrite5mTokens: number | null
  readonly cacheWrite1hTokens: number | null
  readonly reasoningTokens: number | null
  readonly audioInputTokens: number | null
  readonly audioOutputTokens: number | null
  readonly images: number | null
  readonly toolCalls: number | null
  /** Millionths of a US dollar; null for a model without a price. */
  readonly costMicros: number | null
  /** `reported`, `counted` or `estimated`; null until settled. */
  readonly tokenSource: string | null
  readonly settledAt: number | null
  /** Where the facts stand in the log: REQUESTS, REQUESTS, TOKENS. */
  readonly decidedSequence: number | null
  readonly endedSequence: number | null
  readonly settledSequence: number | null
}

export interface RequestFilter {
  readonly id?: string | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
  readonly model?: string | undefined
  readonly upstream?: string | undefined
  readonly state?: RequestState | undefined
  /** HTTP status of the answer. */
  readonly status?: number | undefined
  /** Only those that took at least so long, milliseconds. */
  readonly minDurationMs?: number | undefined
  /** Only those of at least so many tokens, prompt and completion. */
  readonly minTokens?: number | undefined
  /** Epoch milliseconds, inclusive. */
  readonly from?: number | undefined
  /** Epoch milliseconds, exclusive. */
  readonly to?: number | undefined
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string | undefined
}

/** Newest first. */
export async function listRequests(db: Database, filter: RequestFilter): Promise<Page<Request>> {
  const limit = pageLimit(filter.limit)
  let query = db
    .selectFrom('requests')
    .selectAll()
    .orderBy('at', 'desc')
    .orderBy('request_id', 'desc')
    .limit(limit + 1)
  if (filter.id !== undefined) query = query.where('request_id', '=', filter.id)
  if (filter.user !== undefined) query = query.where('user_id', '=', filter.user)
  if (filter.key !== undefined) query = query.where('key_id', '=', filter.key)
  if (filter.model !== undefined) query = query.where('model', '=', filter.model)
  if (filter.upstream !== undefined) query = query.where('upstream', '=', filter.upstream)
  if (filter.status !== undefined) query = query.where('status', '=', filter.status)
  if (filter.minDurationMs !== undefined) query = query.where('duration_ms', '>=', filter.minDurationMs)
  if (filter.minTokens !== undefined) query = query.where('total_tokens', '>=', filter.minTokens)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.from !== undefined) query = query.where('at', '>=', timeOf(filter.from))
  if (filter.to !== undefined) query = query.where('at', '<', timeOf(filter.to))
  if (filter.before !== undefined) query = query.where(isAfter(filter.before, 'at', 'request_id'))
  return pageOf(await query.execute(), limit, requestOf, row => ({ atMs: row.at, id: row.request_id }))
}

export async function getRequest(db: Database, id: string): Promise<Request | undefined> {
  const row = await db.selectFrom('requests').selectAll().where('request_id', '=', id).executeTakeFirst()
  return row && requestOf(row)
}

function requestOf(row: Row<'requests'>): Request {
  return {
    id: row.request_id,
    userId: row.user_id,
    keyId: row.key_id,
    state: row.state,
    at: row.at,
    tier: row.tier,
    dialect: row.dialect,
    method: row.method,
    path: row.path,
    model: row.model,
    answeredModel: row.answered_model,
    upstream: row.upstream,
    stream: row.stream,
    address: row.address,
    agent: row.agent,
    source: row.source,
    status: row.status,
    reason: row.reason,
    phase: row.phase,
    message: row.message,
    retryAfterMs: row.retry_after_ms,
    refusedBy: row.refused_by,
    endedAt: row.ended_at,
    durationMs: row.duration_ms,
    firstByteMs: row.first_byte_ms,
    bytes: row.bytes,
    attempts: row.attempts,
    promptChars: row.prompt_chars,
    promptEstimate: row.prompt_estimate,
    reserved: row.reserved,
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
    tokenSource: row.token_source,
    settledAt: row.settled_at,
    decidedSequence: row.decided_sequence,
    endedSequence: row.ended_sequence,
    settledSequence: row.settled_sequence,
  }
}
