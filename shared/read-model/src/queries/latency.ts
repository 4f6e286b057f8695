import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../database.ts'
import { type Grain, piecesOf, rowsOf } from './grains.ts'

/**
 * Percentiles of everything that ended in a range, out of histograms: each is off by 4.4 % at the most, and 1 for all
 * that took no longer than a millisecond. Milliseconds; null where nothing was measured.
 */
export interface LatencySummary {
  /** Endings; and those with a first byte. */
  readonly count: number
  readonly firstByteCount: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly firstByteP50Ms: number | null
  readonly firstByteP95Ms: number | null
  readonly firstByteP99Ms: number | null
}

export interface LatencyScope {
  /** Epoch milliseconds, inclusive and exclusive; the start is widened to its minute. */
  readonly from: number
  readonly to: number
  readonly model?: string
  readonly upstream?: string
}

export interface LatencyPoint extends LatencySummary {
  /** Start of the bucket, epoch milliseconds (UTC). */
  readonly at: number
  /** The model or upstream; null when not grouped. */
  readonly group: string | null
}

interface Found {
  readonly at: number
  readonly group: string | null
  readonly measure: 'duration' | 'first_byte'
  readonly count: number
  /** Buckets. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

const BUCKETS_PER_DOUBLING = 8
const MAX_POINTS = 20_000

/** One summary of the whole range. */
export async function latencyTotal(db: Database, scope: LatencyScope): Promise<LatencySummary> {
  const found = await percentiles(db, scope, 'day', sql`'epoch'::timestamptz`, sql`null::text`)
  return summaryOf(found)
}

/** Points with nothing in them are left out. Ordered by time, then group. */
export async function latencySeries(
  db: Database,
  { bucket, by, ...scope }: LatencyScope & { bucket: Grain; by?: 'model' | 'upstream' },
): Promise<LatencyPoint[]> {
  const group = by === undefined ? sql`null::text` : sql.ref(by)
  const found = await percentiles(db, scope, bucket, sql`date_trunc(${bucket}, at, 'UTC')`, group)
  const points = Map.groupBy(found, row => `${row.at} ${row.group ?? ''}`)
  return [...points.values()].map(rows => ({
    at: rows[0]!.at,
    group: rows[0]!.group,
    ...summaryOf(rows),
  }))
}

async function percentiles(
  db: Database,
  { from, to, model, upstream }: LatencyScope,
  coarsest: Grain,
  at: RawBuilder<unknown>,
  group: RawBuilder<unknown>,
): Promise<Found[]> {
  const conditions = [sql<boolean>`true`]
  if (model !== undefined) conditions.push(sql`model = ${model}`)
  if (upstream !== undefined) conditions.push(sql`upstream = ${upstream}`)
  const pieces = piecesOf(from, to, coarsest)
  if (pieces.length === 0) return []
  const columns = sql`model, upstream, measure, bucket, count`
  const source = rowsOf('latency', pieces, columns, sql`${sql.join(conditions, sql` and `)}`)
  const rank = (share: number) => sql`min(bucket) filter (where below >= ${sql.lit(share)} * total)`
  const { rows } = await sql<Found>`
    with counts as (
      select ${at} as at, ${group} as "group", measure, bucket, sum(count) as n from ${source} group by 1, 2, 3, 4),
    ranks as (
      select at, "group", measure, bucket, sum(n) over (partition by at, "group", measure order by bucket) as below,
        sum(n) over (partition by at, "group", measure) as total from counts)
    select at, "group", measure, max(total)::bigint as count, ${rank(0.5)} as p50, ${rank(0.95)} as p95,
      ${rank(0.99)} as p99
    from ranks group by 1, 2, 3 order by 1, 2, 3 limit ${MAX_POINTS}`.execute(db)
  return rows
}

function summaryOf(rows: readonly Found[]): LatencySummary {
  const duration = rows.find(row => row.measure === 'duration')
  const firstByte = rows.find(row => row.measure === 'first_byte')
  return {
    count: duration?.count ?? 0,
    firstByteCount: firstByte?.count ?? 0,
    p50Ms: msOf(duration?.p50),
    p95Ms: msOf(duration?.p95),
    p99Ms: msOf(duration?.p99),
    firstByteP50Ms: msOf(firstByte?.p50),
    firstByteP95Ms: msOf(firstByte?.p95),
    firstByteP99Ms: msOf(firstByte?.p99),
  }
}

/** The geometric middle of a bucket, which is the least wrong for all that it holds. */
function msOf(bucket: number | undefined): number | null {
  if (bucket === undefined) return null
  return bucket === 0 ? 1 : 2 ** ((bucket - 0.5) / BUCKETS_PER_DOUBLING)
}
