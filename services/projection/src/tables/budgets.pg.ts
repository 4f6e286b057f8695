import type { BudgetCrossingRow } from './budgets.ts'
import { type Column, manyRows } from './rows.pg.ts'

const COLUMNS: ReadonlyArray<Column<BudgetCrossingRow>> = [
  { name: 'event_id', type: 'text', of: row => row.id },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
  { name: 'at', type: 'time', of: row => row.atMs },
  { name: 'user_id', type: 'text', of: row => row.data.user },
  { name: 'key_id', type: 'text', of: row => row.data.key },
  { name: 'request_id', type: 'text', of: row => row.data.request },
  { name: 'budget', type: 'text', of: row => row.budget },
  { name: 'each', type: 'text', of: row => row.data.each },
  { name: 'holder', type: 'text', of: row => row.holder },
  { name: 'period', type: 'text', of: row => row.data.period },
  { name: 'period_start', type: 'time', of: row => row.periodStartMs },
  { name: 'level', type: 'text', of: row => row.data.level },
  { name: 'unit', type: 'text', of: row => row.data.unit },
  { name: 'limit_amount', type: 'float8', of: row => row.data.limit },
  { name: 'used_amount', type: 'float8', of: row => row.data.used },
]

/** An event that the log holds twice stays the row it was. */
export const insertBudgetCrossings = manyRows(
  COLUMNS,
  (source, names) => `insert into budget_crossings (${names}) ${source} on conflict (event_id) do nothing`,
)
