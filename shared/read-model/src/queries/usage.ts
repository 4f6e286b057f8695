import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../database.ts'
import { pageLimit } from './cursor.ts'
import { endOf, type Grain, piecesOf, rowsOf } from './grains.ts'

/** Sums over requests. Durations are milliseconds, tokens as settled. */
export interface Usage {
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly settled: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
  /** Part of the prompts that came from upstreams' caches. */
  readonly cachedTokens: number
  /** Parts of the prompts that were written to upstreams' caches, for five minutes or an hour. */
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  /** Part of the completions that models thought. */
  readonly reasoningTokens: number
  /** Parts of prompts and completions. */
  readonly audioInputTokens: number
  readonly audioOutputTokens: number
  /** Images that were generated. */
  readonly images: number
  /** Calls of vendors' own tools, such as web search. */
  readonly toolCalls: number
  /** Millionths of a US dollar, of the models that have a price. */
  readonly costMicros: number
  /** Over all that ended; 0 when none did. */
  readonly meanDurationMs: number
  /** Over all that had a first byte. */
  readonly meanFirstByteMs: number
  readonly bytes: number
}

export type UsageBucket = Grain
export type UsageGroup = 'user' | 'key' | 'identity' | 'model' | 'upstream'

export interface UsageScope {
  /** Epoch milliseconds, inclusive and exclusive; widened to whole minutes. */
  readonly from: number
  readonly to: number
  /**
   * A range that ends at this moment or later reads the running hour and day whole: nothing of theirs is behind it, and
   * their minutes need not be added up.
   */
  readonly nowMs?: number | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
  readonly model?: string | undefined
  readonly upstream?: string | undefined
  /** Only these identities. */
  readonly among?: readonly Named[] | undefined
}

export interface Named {
  readonly userId: string
  readonly keyId: string
}

export interface UsagePoint extends Usage {
  /** Start of the bucket, epoch milliseconds (UTC). */
  readonly at: number
  /** The group's value: a user, key, `<user>.<key>`, model or upstream; null when not grouped. */
  readonly group: string | null
}

export interface IdentityUsage extends Usage, Named {}

/** A series longer than this many points is cut at its end. */
export const MAX_POINTS = 20_000

export const SUMS = sql.raw(`
  sum(admitted)::bigint as admitted, sum(refused)::bigint as refused, sum(completed)::bigint as completed,
  sum(failed)::bigint as failed, sum(interrupted)::bigint as interrupted, sum(settled)::bigint as settled,
  sum(prompt_tokens)::bigint as "promptTokens", sum(completion_tokens)::bigint as "completionTokens",
  sum(total_tokens)::bigint as "totalTokens", sum(cached_tokens)::bigint as "cachedTokens",
  sum(cache_write_5m_tokens)::bigint as "cacheWrite5mTokens",
  sum(cache_write_1h_tokens)::bigint as "cacheWrite1hTokens",
  sum(reasoning_tokens)::bigint as "reasoningTokens",
  sum(audio_input_tokens)::bigint as "audioInputTokens",
  sum(audio_output_tokens)::bigint as "audioOutputTokens",
  sum(images)::bigint as "images",
  sum(tool_calls)::bigint as "toolCalls",
  sum(cost_micros)::bigint as "costMicros", sum(bytes)::bigint as bytes,
  coalesce(sum(duration_ms_sum)::float8 / nullif(sum(completed + failed + interrupted), 0), 0)::float8
    as "meanDurationMs",
  coalesce(sum(first_byte_ms_sum)::float8 / nullif(sum(first_byte_count), 0), 0)::float8 as "meanFirstByteMs"`)

const COLUMNS =
  sql.raw(`user_id, key_id, model, upstream, admitted, refused, completed, failed, interrupted, settled,
  prompt_tokens, completion_tokens, total_tokens, cached_tokens, cost_micros, bytes, duration_ms_sum, first_byte_ms_sum,
  first_byte_count, cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens,
  audio_input_tokens, audio_output_tokens, images, tool_calls`)

export const GROUPS: Readonly<Record<UsageGroup, RawBuilder<string>>> = {
  user: sql`user_id`,
  key: sql`key_id`,
  identity: sql`user_id || '.' || key_id`,
  model: sql`model`,
  upstream: sql`upstream`,
}

/** Buckets with nothing in them are left out. Ordered by time, then group. */
export async function usageSeries(
  db: Database,
  options: UsageScope & { bucket: UsageBucket; by?: UsageGroup },
): Promise<UsagePoint[]> {
  const group = options.by === undefined ? sql<null>`null::text` : GROUPS[options.by]
  const { rows } = await sql<UsagePoint>`
    select date_trunc(${options.bucket}, at, 'UTC') as at, ${group} as "group", ${SUMS}
    from ${within(options, options.bucket)}
    group by 1, 2 order by 1, 2 limit ${MAX_POINTS}`.execute(db)
  return rows
}

/** One sum for the scope. */
export async function usageTotal(db: Database, scope: UsageScope): Promise<Usage> {
  const { rows } = await sql<Record<keyof Usage, number | null>>`
    select ${SUMS} from ${within(scope, 'day')}`.execute(db)
  return filled(rows[0]!)
}

/** Sums over nothing are null. */
function filled(sums: Partial<Record<keyof Usage, number | null>>): Usage {
  return Object.fromEntries(
    Object.entries(sums).map(([name, value]) => [name, value ?? 0]),
  ) as unknown as Usage
}

/** Sums by model, most tokens first. */
export async function usageByModel(db: Database, scope: UsageScope & { limit: number }) {
  return (await usageTotalAndByModel(db, scope)).models
}

/** One sum for the scope and those by model, out of one reading of its rows. */
export async function usageTotalAndByModel(db: Database, scope: UsageScope & { limit: number }) {
  const { rows } = await sql<Usage & { model: string | null }>`
    select model, ${SUMS} from ${within(scope, 'day')}
    group by grouping sets ((), (model)) order by grouping(model) desc, sum(total_tokens) desc, model
    limit ${pageLimit(scope.limit) + 1}`.execute(db)
  const [{ model: _, ...total }, ...models] = rows as [Usage & { model: null }, ...typeof rows]
  return { total: filled(total), models: models as Array<Usage & { model: string }> }
}

/** Identities by tokens burnt, then by requests. */
export async function topIdentities(
  db: Database,
  scope: UsageScope & { limit: number },
): Promise<IdentityUsage[]> {
  const ranks = sql`sum(total_tokens) desc, sum(admitted + refused) desc, user_id, key_id`
  // Who they are takes two sums over all rows; the other sums are over those of the few.
  const top = await sql<Named>`
    select user_id as "userId", key_id as "keyId" from ${within(scope, 'day')} group by user_id, key_id
    order by ${ranks} limit ${pageLimit(scope.limit)}`.execute(db)
  if (top.rows.length === 0) return []
  const { rows } = await sql<IdentityUsage>`
    select user_id as "userId", key_id as "keyId", ${SUMS} from ${within({ ...scope, among: top.rows }, 'day')}
    group by user_id, key_id order by ${ranks}`.execute(db)
  return rows
}

/**
 * The rows of a scope, out of the rollups.
 * @param coarsest the longest grain that may be used: that of the points asked for
 */
export function within(scope: UsageScope, coarsest: Grain): RawBuilder<unknown> {
  const conditions = [sql<boolean>`true`]
  if (scope.user !== undefined) conditions.push(sql`user_id = ${scope.user}`)
  if (scope.key !== undefined) conditions.push(sql`key_id = ${scope.key}`)
  if (scope.model !== undefined) conditions.push(sql`model = ${scope.model}`)
  if (scope.upstream !== undefined) conditions.push(sql`upstream = ${scope.upstream}`)
  if (scope.among !== undefined) {
    // Users too, because an index begins with them.
    conditions.push(sql`user_id = any(${scope.among.map(({ userId }) => userId)})`)
    const names = scope.among.map(({ userId, keyId }) => `${userId}.${keyId}`)
    conditions.push(sql`${GROUPS.identity} = any(${names})`)
  }
  const where = sql<boolean>`${sql.join(conditions, sql` and `)}`
  const isOpen = scope.nowMs !== undefined && scope.to >= scope.nowMs
  const to = isOpen ? endOf(scope.to, coarsest) : scope.to
  return rowsOf('usage', piecesOf(scope.from, to, coarsest), COLUMNS, where)
}
