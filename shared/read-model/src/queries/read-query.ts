import { CompiledQuery, type Transaction } from 'kysely'
import type { Database } from '../database.ts'
import { runScript } from '../migrations.ts'
import type { Tables } from '../tables.ts'

/** A view that questions in SQL may read; the words come from the comments in the database. */
export interface ReadView {
  readonly name: string
  readonly about: string
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string; readonly about: string }>
}

export interface ReadLimits {
  readonly maxRows: number
  /** Of all rows as JSON. */
  readonly maxBytes: number
  readonly timeoutMs: number
  /** What the planner may estimate, in its own units: PGlite, which cancels nothing, has no other bound. */
  readonly maxCost: number
}

export type ReadAnswer =
  | { readonly ok: true; readonly rows: Array<Record<string, unknown>>; readonly cut: boolean }
  | { readonly ok: false; readonly kind: 'cost'; readonly cost: number }
  /** What Postgres said about the statement, for whoever wrote it. */
  | { readonly ok: false; readonly kind: 'statement'; readonly code: string; readonly message: string }

const READER = 'fluxgate_mcp_reader'
/** Operator intervention, resources, system errors: not the statement's fault. A cancelled statement is. */
const NOT_ITS_FAULT = /^(?!57014)(?:08|53|57|58|XX)/

/**
 * Runs one SELECT under the role that may read the views of `reports` and nothing else, in a transaction that cannot
 * write. The statement becomes a subquery of ours, sent with parameters: the protocol then takes one statement alone,
 * and a subquery cannot change data. Functions are for the caller to judge: Postgres lets every role call most.
 */
export async function readQuery(db: Database, statement: string, limits: ReadLimits): Promise<ReadAnswer> {
  const question = `with answer as materialized (
      select row_to_json(question)::text as line from (\n${statement}\n) as question limit $1::bigint
    )
    select case when bytes <= $2::bigint then line end as line from (
      select line, sum(octet_length(line)) over (rows unbounded preceding) as bytes from answer
    ) as lines`
  const caps = [limits.maxRows + 1, limits.maxBytes]
  try {
    return await db
      .transaction()
      .setAccessMode('read only')
      .execute(async trx => {
        await runScript(
          trx,
          `set local statement_timeout = ${Math.trunc(limits.timeoutMs)}; set local search_path = reports;
           set local role ${READER}`,
        )
        const cost = await costOf(trx, question, caps)
        if (cost > limits.maxCost) return { ok: false as const, kind: 'cost' as const, cost }
        const { rows } = await trx.executeQuery(
          CompiledQuery.raw(question, caps) as CompiledQuery<{ line: string | null }>,
        )
        const kept = rows.slice(0, limits.maxRows).flatMap(({ line }) => (line === null ? [] : [line]))
        return { ok: true as const, rows: kept.map(line => JSON.parse(line)), cut: kept.length < rows.length }
      })
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string }
    if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || NOT_ITS_FAULT.test(code)) throw error
    return { ok: false, kind: 'statement', code, message }
  }
}

async function costOf(trx: Transaction<Tables>, question: string, caps: readonly number[]): Promise<number> {
  const { rows } = await trx.executeQuery(
    CompiledQuery.raw(`explain (format json) ${question}`, [...caps]) as CompiledQuery<{
      'QUERY PLAN': [{ Plan: { 'Total Cost': number } }]
    }>,
  )
  return rows[0]?.['QUERY PLAN'][0].Plan['Total Cost'] ?? 0
}

/** The views as the database describes them, in alphabetical order. */
export async function readViews(db: Database): Promise<ReadView[]> {
  const rows = (await runScript(
    db,
    `select relname as view, obj_description(pg_class.oid, 'pg_class') as view_about, attname as name,
       format_type(atttypid, atttypmod) as type, col_description(pg_class.oid, attnum) as about
     from pg_class join pg_attribute on attrelid = pg_class.oid
     where relnamespace = to_regnamespace('reports') and relkind = 'v' and attnum > 0 and not attisdropped
     order by relname, attnum`,
  )) as Array<{ view: string; view_about: string | null; name: string; type: string; about: string | null }>
  return [...Map.groupBy(rows, row => row.view)].map(([name, columns]) => ({
    name,
    about: columns[0]?.view_about ?? '',
    columns: columns.map(column => ({ name: column.name, type: column.type, about: column.about ?? '' })),
  }))
}
