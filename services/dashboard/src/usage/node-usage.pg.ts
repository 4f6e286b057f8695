import type { Database } from '@fluxgate/read-model'
import type { NodeUsage, Span } from './answers.ts'

const MAX_NODES = 100

/**
 * What each node let through. Nodes come and go, so the rollups do not hold them: the requests themselves are counted,
 * as many as can be in the time.
 * @throws when it takes longer than `timeoutMs`
 */
export function usageByNode(db: Database, span: Span, timeoutMs: number): Promise<NodeUsage[]> {
  const time = (ms: number) => new Date(ms).toISOString()
  return db.transaction().execute(async transaction => {
    await transaction
      .selectNoFrom(eb =>
        eb.fn('set_config', [eb.val('statement_timeout'), eb.val(String(timeoutMs)), eb.val(true)]).as('was'),
      )
      .execute()
    return transaction
      .selectFrom('requests')
      .where(eb => eb('at', '>=', eb.cast<number>(eb.val(time(span.from)), 'timestamptz')))
      .where(eb => eb('at', '<', eb.cast<number>(eb.val(time(span.to)), 'timestamptz')))
      .where('source', 'is not', null)
      .select(({ fn, val, cast }) => [
        fn<string>('split_part', ['source', val('/'), cast<number>(val(3), 'integer')]).as('node'),
        fn.countAll<number>().filterWhere('state', '<>', 'refused').as('admitted'),
        fn.countAll<number>().filterWhere('state', '=', 'refused').as('refused'),
        fn.countAll<number>().filterWhere('state', '=', 'failed').as('failed'),
        fn.coalesce(fn.sum<number>('total_tokens'), cast<number>(val(0), 'bigint')).as('totalTokens'),
        fn
          .agg<number | null>('percentile_cont', [val(0.95)])
          .withinGroupOrderBy('duration_ms')
          .as('p95Ms'),
      ])
      .groupBy('node')
      .orderBy('node')
      .limit(MAX_NODES)
      .execute()
  })
}
