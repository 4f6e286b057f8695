import type { AuthRow } from './auth.ts'
import { type Column, manyRows } from './rows.pg.ts'

const COLUMNS: ReadonlyArray<Column<AuthRow>> = [
  { name: 'event_id', type: 'text', of: row => row.id },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
  { name: 'at', type: 'time', of: row => row.atMs },
  { name: 'fact', type: 'text', of: row => row.fact },
  { name: 'user_id', type: 'text', of: row => row.user },
  { name: 'key_id', type: 'text', of: row => row.key },
  { name: 'actor', type: 'text', of: row => row.actor },
  { name: 'address', type: 'text', of: row => row.address },
  { name: 'account', type: 'text', of: row => row.account },
  { name: 'reason', type: 'text', of: row => row.reason },
  { name: 'detail', type: 'jsonb', of: row => row.detail },
]

/** An event that the log holds twice stays the row it was. */
export const insertAuthEvents = manyRows(
  COLUMNS,
  (source, names) => `insert into auth_events (${names}) ${source} on conflict (event_id) do nothing`,
)
