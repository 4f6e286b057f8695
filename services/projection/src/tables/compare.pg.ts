import { type Database, runScript, type Tables } from '@fluxgate/read-model'
import type { Transaction } from 'kysely'
import { REBUILD_SCHEMA } from './rebuild-schema.pg.ts'

/** Tables of the projection's own bookkeeping: positions and when they were written, which differ by nature. */
export const BOOKKEEPING: readonly string[] = ['projection_checkpoints', 'projection_heads']

/** A row that the live tables hold otherwise than the log says. */
export interface RowDifference {
  readonly table: string
  /** The row's primary key. */
  readonly key: Readonly<Record<string, unknown>>
  /** `missing` from the live tables, `added` to them, or `changed` in these columns. */
  readonly kind: 'missing' | 'added' | 'changed'
  readonly columns: readonly string[]
}

/** Rows named of each table, at the most: a table that is wrong as a whole needs no list. */
const MAX_ROWS = 100

/** Tables that are folded from the log, as the catalogue of the live ones has them. */
export async function foldedTables(trx: Database | Transaction<Tables>): Promise<string[]> {
  const rows = await runScript(
    trx,
    `select c.relname as name from pg_class c
     where c.relnamespace = '${REBUILD_SCHEMA}'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by 1`,
  )
  return (rows as Array<{ name: string }>).map(({ name }) => name).filter(name => !BOOKKEEPING.includes(name))
}

/** Compares each row and each column of a live table with those that were folded from the log. */
export async function compareTable(trx: Transaction<Tables>, table: string): Promise<RowDifference[]> {
  const columns = await columnsOf(trx, table)
  const key = columns.filter(({ isKey }) => isKey).map(({ name }) => name)
  const live = `public.${table}`
  const folded = `${REBUILD_SCHEMA}.${table}`
  const [first] = key
  if (first === undefined) throw new Error(`${table} has no primary key: its rows cannot be compared`)
  const differs = columns.map(
    ({ name }) => `case when live.${name} is distinct from folded.${name} then '${name}' end`,
  )
  const rows = await runScript(
    trx,
    `select jsonb_build_object(${key.map(name => `'${name}', coalesce(live.${name}, folded.${name})`).join(', ')}) as key,
       case when live.${first} is null then 'missing' when folded.${first} is null then 'added' else 'changed' end as kind,
       array_remove(array[${differs.join(', ')}]::text[], null) as columns
     from ${live} as live full join ${folded} as folded using (${key.join(', ')})
     where ${columns.map(({ name }) => `live.${name} is distinct from folded.${name}`).join(' or ')}
     order by 1 limit ${MAX_ROWS}`,
  )
  return (rows as Array<Omit<RowDifference, 'table'>>).map(row => ({ table, ...row }))
}

async function columnsOf(
  trx: Transaction<Tables>,
  table: string,
): Promise<Array<{ name: string; isKey: boolean }>> {
  const rows = await runScript(
    trx,
    `select a.attname as name,
       exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any(i.indkey)) as "isKey"
     from pg_attribute a where a.attrelid = 'public.${table}'::regclass and a.attnum > 0 and not a.attisdropped
     order by a.attnum`,
  )
  return rows as Array<{ name: string; isKey: boolean }>
}
