import { CompiledQuery } from 'kysely'
import type { KnownRequest, RequestPatch } from './request-patch.ts'
import { type Column, manyTypedRows, textArray } from './rows.pg.ts'

export interface KnownRow {
  readonly id: string
  readonly decided: boolean
  readonly ended: boolean
  readonly settled: boolean
}

export function selectKnown(ids: readonly string[]): CompiledQuery<KnownRow> {
  return CompiledQuery.raw(
    `select request_id as id, decided_sequence is not null as decided, ended_sequence is not null as ended,
       settled_sequence is not null as settled
     from requests where request_id = any($1::text[])`,
    [textArray(ids)],
  ) as CompiledQuery<KnownRow>
}

export function knownRequests(rows: readonly KnownRow[]): ReadonlyMap<string, KnownRequest> {
  return new Map(rows.map(row => [row.id, row]))
}

const PATCH_COLUMNS: ReadonlyArray<Column<RequestPatch>> = [
  { name: 'request_id', type: 'text', of: patch => patch.id },
  { name: 'user_id', type: 'text', of: patch => patch.user },
  { name: 'key_id', type: 'text', of: patch => patch.key },
  { name: 'state', type: 'text', of: patch => patch.state },
  { name: 'at', type: 'time', of: patch => patch.atMs },
  { name: 'tier', type: 'text', of: patch => patch.tier },
  { name: 'dialect', type: 'text', of: patch => patch.dialect },
  { name: 'method', type: 'text', of: patch => patch.method },
  { name: 'path', type: 'text', of: patch => patch.path },
  { name: 'model', type: 'text', of: patch => patch.model },
  { name: 'answered_model', type: 'text', of: patch => patch.answeredModel },
  { name: 'upstream', type: 'text', of: patch => patch.upstream },
  { name: 'stream', type: 'boolean', of: patch => patch.stream },
  { name: 'address', type: 'text', of: patch => patch.address },
  { name: 'agent', type: 'text', of: patch => patch.agent },
  { name: 'source', type: 'text', of: patch => patch.source },
  { name: 'status', type: 'integer', of: patch => patch.status },
  { name: 'reason', type: 'text', of: patch => patch.reason },
  { name: 'phase', type: 'text', of: patch => patch.phase },
  { name: 'message', type: 'text', of: patch => patch.message },
  { name: 'retry_after_ms', type: 'float8', of: patch => patch.retryAfterMs },
  { name: 'refused_by', type: 'text', of: patch => patch.refusedBy },
  { name: 'ended_at', type: 'time', of: patch => patch.endedAtMs },
  { name: 'duration_ms', type: 'float8', of: patch => patch.durationMs },
  { name: 'first_byte_ms', type: 'float8', of: patch => patch.firstByteMs },
  { name: 'bytes', type: 'bigint', of: patch => patch.bytes },
  { name: 'attempts', type: 'integer', of: patch => patch.attempts },
  { name: 'prompt_chars', type: 'bigint', of: patch => patch.promptChars },
  { name: 'prompt_estimate', type: 'bigint', of: patch => patch.promptEstimate },
  { name: 'reserved', type: 'bigint', of: patch => patch.reserved },
  { name: 'prompt_tokens', type: 'bigint', of: patch => patch.promptTokens },
  { name: 'completion_tokens', type: 'bigint', of: patch => patch.completionTokens },
  { name: 'total_tokens', type: 'bigint', of: patch => patch.totalTokens },
  { name: 'cached_tokens', type: 'bigint', of: patch => patch.cachedTokens },
  { name: 'cache_write_5m_tokens', type: 'bigint', of: patch => patch.cacheWrite5mTokens },
  { name: 'cache_write_1h_tokens', type: 'bigint', of: patch => patch.cacheWrite1hTokens },
  { name: 'reasoning_tokens', type: 'bigint', of: patch => patch.reasoningTokens },
  { name: 'audio_input_tokens', type: 'bigint', of: patch => patch.audioInputTokens },
  { name: 'audio_output_tokens', type: 'bigint', of: patch => patch.audioOutputTokens },
  { name: 'images', type: 'bigint', of: patch => patch.images },
  { name: 'tool_calls', type: 'bigint', of: patch => patch.toolCalls },
  { name: 'cost_micros', type: 'bigint', of: patch => patch.costMicros },
  { name: 'token_source', type: 'text', of: patch => patch.tokenSource },
  { name: 'settled_at', type: 'time', of: patch => patch.settledAtMs },
  { name: 'decided_sequence', type: 'bigint', of: patch => patch.decidedSequence },
  { name: 'ended_sequence', type: 'bigint', of: patch => patch.endedSequence },
  { name: 'settled_sequence', type: 'bigint', of: patch => patch.settledSequence },
]

/** How much the event weighs that a row's model comes from: a decision's word counts most. */
const weight = (row: string) =>
  `case when ${row}.decided_sequence is not null then 3 when ${row}.ended_sequence is not null then 2 ` +
  `when ${row}.settled_sequence is not null then 1 else 0 end`
const progress = (column: string) => `case
  when excluded.settled_sequence is not null then excluded.${column}
  when old.settled_sequence is not null then old.${column}
  else greatest(old.${column}, excluded.${column}) end`

/** Merges that do not depend on which stream comes first; all other columns come from one event alone. */
const MERGES: Readonly<Record<string, string>> = {
  user_id: 'old.user_id',
  key_id: 'old.key_id',
  state: `case
    when old.ended_sequence is not null then old.state when excluded.ended_sequence is not null then excluded.state
    when old.decided_sequence is not null then old.state else excluded.state end`,
  at: `case when excluded.decided_sequence is not null then excluded.at
    when old.decided_sequence is not null then old.at else least(old.at, excluded.at) end`,
  tier: `case when excluded.decided_sequence is not null then coalesce(excluded.tier, old.tier)
    when old.decided_sequence is not null then coalesce(old.tier, excluded.tier)
    when excluded.settled_sequence is not null then excluded.tier else coalesce(old.tier, excluded.tier) end`,
  model: `case when ${weight('excluded')} > ${weight('old')} then coalesce(excluded.model, old.model)
    else coalesce(old.model, excluded.model) end`,
  upstream: `case when excluded.ended_sequence is not null then excluded.upstream
    else coalesce(old.upstream, excluded.upstream) end`,
  status: `case when excluded.ended_sequence is not null then excluded.status
    else coalesce(old.status, excluded.status) end`,
  reason: `case when excluded.ended_sequence is not null then coalesce(excluded.reason, old.reason)
    else coalesce(old.reason, excluded.reason) end`,
  reserved: progress('reserved'),
  prompt_tokens: progress('prompt_tokens'),
  completion_tokens: progress('completion_tokens'),
  total_tokens: `case
    when excluded.settled_sequence is not null then excluded.total_tokens
    when old.settled_sequence is not null then old.total_tokens
    else greatest(old.prompt_tokens, excluded.prompt_tokens)
      + greatest(old.completion_tokens, excluded.completion_tokens) end`,
}

export const upsertRequests = manyTypedRows('request_row_2', PATCH_COLUMNS, (source, names) => {
  const merges = PATCH_COLUMNS.filter(column => column.name !== 'request_id').map(
    ({ name }) => `${name} = ${MERGES[name] ?? `coalesce(old.${name}, excluded.${name})`}`,
  )
  return `insert into requests as old (${names}) ${source}
    on conflict (request_id) do update set ${merges.join(', ')}`
})
