import { SETTLED_COLUMNS } from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'
import type { LatencyDelta } from './latency.ts'
import { type Column, manyRows, manyTypedRows } from './rows.pg.ts'
import type { TotalsDelta, UsageDelta } from './usage.ts'

const COUNTS = [
  ['admitted', 'admitted'],
  ['refused', 'refused'],
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['interrupted', 'interrupted'],
  ['settled', 'settled'],
  ...SETTLED_COLUMNS,
] as const

const USAGE_COUNTS = [
  ...COUNTS,
  ['duration_ms_sum', 'durationMsSum'],
  ['first_byte_ms_sum', 'firstByteMsSum'],
  ['first_byte_count', 'firstByteCount'],
  ['bytes', 'bytes'],
] as const

const USAGE_COLUMNS: ReadonlyArray<Column<UsageDelta>> = [
  { name: 'minute', type: 'time', of: delta => delta.minuteMs },
  { name: 'user_id', type: 'text', of: delta => delta.user },
  { name: 'key_id', type: 'text', of: delta => delta.key },
  { name: 'model', type: 'text', of: delta => delta.model },
  { name: 'upstream', type: 'text', of: delta => delta.upstream },
  ...USAGE_COUNTS.map(
    ([name, field]): Column<UsageDelta> => ({ name, type: 'bigint', of: delta => delta[field] }),
  ),
]

/** Adds to the minutes, hours and days in one statement, whose rows travel once. */
export const addUsage = manyTypedRows('usage_row_2', USAGE_COLUMNS, source =>
  rollup(
    source,
    'usage',
    ['user_id', 'key_id', 'model', 'upstream'],
    USAGE_COUNTS.map(([name]) => name),
  ),
)

const LATENCY_COLUMNS: ReadonlyArray<Column<LatencyDelta>> = [
  { name: 'minute', type: 'time', of: delta => delta.minuteMs },
  { name: 'model', type: 'text', of: delta => delta.model },
  { name: 'upstream', type: 'text', of: delta => delta.upstream },
  { name: 'measure', type: 'text', of: delta => delta.measure },
  { name: 'bucket', type: 'smallint', of: delta => delta.bucket },
  { name: 'count', type: 'bigint', of: delta => delta.count },
]

export const addLatency = manyRows(LATENCY_COLUMNS, source =>
  rollup(source, 'latency', ['model', 'upstream', 'measure', 'bucket'], ['count']),
)

function rollup(source: string, table: string, place: readonly string[], counts: readonly string[]): string {
  const adds = counts.map(name => `${name} = old.${name} + excluded.${name}`).join(', ')
  const insert = (grain: 'minute' | 'hour' | 'day') => {
    const columns = [grain, ...place]
    const sums = counts.map(name => `sum(${name})::bigint`)
    const rows =
      grain === 'minute'
        ? `select ${[...columns, ...counts].join(', ')} from delta`
        : `select ${[`date_trunc('${grain}', minute, 'UTC')`, ...place, ...sums].join(', ')} from delta
           group by ${columns.map((_, i) => i + 1).join(', ')}`
    return `insert into ${table}_${grain}s as old (${[...columns, ...counts].join(', ')}) ${rows}
      on conflict (${columns.join(', ')}) do update set ${adds}`
  }
  return `with delta as materialized (${source}), minutes as (${insert('minute')}), hours as (${insert('hour')})
    ${insert('day')}`
}

const TOTAL_COUNTS = [...COUNTS, ['repeated', 'repeated']] as const

export function addTotals(delta: TotalsDelta): CompiledQuery {
  const sums = TOTAL_COUNTS.map(([name], i) => `${name} = ${name} + $${i + 1}`)
  return CompiledQuery.raw(
    `update request_totals set ${sums.join(', ')} where id = 1`,
    TOTAL_COUNTS.map(([, field]) => delta[field]),
  )
}
