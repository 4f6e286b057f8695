import type { Database } from '@fluxgate/read-model'
import type { Latency } from '../core/wire.ts'

/** Percentiles of the newest requests that began in the window and have ended. Milliseconds; null when there are none. */
export async function latencyOf(
  db: Database,
  { windowMs, nowMs, maxRows }: { windowMs: number; nowMs: number; maxRows: number },
): Promise<Latency> {
  const from = new Date(nowMs - windowMs).toISOString()
  const row = await db
    .selectFrom(
      db
        .selectFrom('requests')
        .select(['duration_ms', 'first_byte_ms'])
        .where(eb => eb('at', '>=', eb.cast<number>(eb.val(from), 'timestamptz')))
        .where('duration_ms', 'is not', null)
        .orderBy('at', 'desc')
        .limit(maxRows)
        .as('newest'),
    )
    .select(({ fn, val }) => {
      const percentile = (fraction: number, column: 'duration_ms' | 'first_byte_ms') =>
        fn.agg<number | null>('percentile_cont', [val(fraction)]).withinGroupOrderBy(column)
      return [
        fn.countAll<number>().as('count'),
        percentile(0.5, 'duration_ms').as('p50Ms'),
        percentile(0.95, 'duration_ms').as('p95Ms'),
        percentile(0.5, 'first_byte_ms').as('firstByteP50Ms'),
        percentile(0.95, 'first_byte_ms').as('firstByteP95Ms'),
      ]
    })
    .executeTakeFirstOrThrow()
  return { windowMs, ...row }
}
