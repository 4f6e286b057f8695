import { readJson } from '@fluxgate/contracts'
import pg from 'pg'
import type { Database } from '../database.ts'
import { runScript } from '../migrations.ts'

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
  /** What the planner may estimate, in its own units: what is sure to run into the time limit is not begun. */
  readonly maxCost: number
}

export type ReadAnswer =
  | { readonly ok: true; readonly rows: Array<Record<string, unknown>>; readonly cut: boolean }
  | { readonly ok: false; readonly kind: 'cost'; readonly cost: number }
  /** What Postgres said about the statement, for whoever wrote it. */
  | { readonly ok: false; readonly kind: 'statement'; readonly code: string; readonly message: string }
  /** The connection's user may do more than read the views: nothing was asked. */
  | { readonly ok: false; readonly kind: 'rights'; readonly user: string }
  /** The connection broke, or had to be broken, while the question ran. */
  | { readonly ok: false; readonly kind: 'ended' }

export interface Questions extends AsyncDisposable {
  ask(statement: string, limits: ReadLimits): Promise<ReadAnswer>
}

export interface QuestionsOptions {
  /** Questions beside each other; others wait. */
  readonly maxConnections: number
  readonly connectTimeoutMs: number
  /** Of one statement. */
  readonly timeoutMs: number
  readonly applicationName?: string
  readonly onConnectionError?: (error: Error) => void
}

/** Member of nothing but this role may the user be that questions are asked as (migration 0008). */
const READER = 'fluxgate_mcp_reader'
/** Operator intervention, resources, system errors: not the statement's fault. A limit that it ran into is. */
const NOT_ITS_FAULT = /^(?!57014|53200|53400)(?:08|53|57|58|XX)/
const SQLSTATE = /^[0-9A-Z]{5}$/
/** Postgres ends a statement at its own limit; this is for one that does not answer. */
const GRACE_MS = 1_000

/** Whether the user has any right beyond those of the reader: then a question could use it. */
const RIGHTS_OF_USER = `select session_user::text as name, session_user <> current_user
    or exists (select from pg_roles where rolname = session_user and (rolsuper or rolcreaterole or rolcreatedb
      or rolreplication or rolbypassrls))
    or exists (select from pg_roles where rolname not in (session_user, $1)
      and pg_has_role(session_user, oid, 'member'))
    or exists (select from pg_class where relnamespace = to_regnamespace('public')
      and relname in ('users', 'api_keys', 'sessions', 'requests') and has_any_column_privilege(oid, 'select'))
    as has_more`

/**
 * Questions in SQL, asked as a user that has logged in with the rights to read the views of `reports` and with no other.
 * The guard is that user, and not the text: whatever a statement calls or sets, its session has no more to give. Each
 * question has a connection of its own, which is closed after it, and a transaction that is rolled back: nothing that a
 * function has set, locked or made is there for the next.
 */
export function openQuestions(url: string, options: QuestionsOptions): Questions {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections,
    application_name: options.applicationName ?? 'questions',
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.timeoutMs,
    options: '-c TimeZone=UTC -c jit=off -c search_path=reports -c default_transaction_read_only=on',
    types: { getTypeParser: () => (text: string | Buffer) => text },
  })
  pool.on('error', options.onConnectionError ?? (() => {}))
  return {
    async ask(statement, limits) {
      const client = await pool.connect()
      // Its queries fail with it, and say so.
      client.on('error', () => {})
      let isLate = false
      const late = setTimeout(() => {
        isLate = true
        client.release(true)
      }, options.timeoutMs + GRACE_MS)
      try {
        return await answer(client, statement, limits)
      } catch (error) {
        const { code, message } = error as { code?: unknown; message: string }
        if (isLate || typeof code !== 'string' || !SQLSTATE.test(code)) return { ok: false, kind: 'ended' }
        if (NOT_ITS_FAULT.test(code)) throw error
        return { ok: false, kind: 'statement', code, message }
      } finally {
        clearTimeout(late)
        if (!isLate) client.release(true)
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  }
}

/**
 * The statement becomes a subquery of ours, sent with parameters: the protocol then takes one statement alone, and a
 * subquery cannot change data.
 */
async function answer(client: pg.PoolClient, statement: string, limits: ReadLimits): Promise<ReadAnswer> {
  await client.query('begin read only')
  const rights = await client.query<{ name: string; has_more: string }>(RIGHTS_OF_USER, [READER])
  const user = rights.rows[0]
  if (user?.has_more !== 'f') return { ok: false, kind: 'rights', user: user?.name ?? '' }
  const question = `with answer as materialized (
      select row_to_json(question)::text as line from (\n${statement}\n) as question limit $1::bigint
    )
    select case when bytes <= $2::bigint then line end as line from (
      select line, sum(octet_length(line)) over (rows unbounded preceding) as bytes from answer
    ) as lines`
  const caps = [limits.maxRows + 1, limits.maxBytes]
  const cost = await costOf(client, question, caps)
  if (cost > limits.maxCost) return { ok: false, kind: 'cost', cost }
  const { rows } = await client.query<{ line: string | null }>(question, caps)
  await client.query('rollback')
  return rowsOf(rows, limits)
}

function rowsOf(lines: ReadonlyArray<{ readonly line: string | null }>, limits: ReadLimits): ReadAnswer {
  const rows: Array<Record<string, unknown>> = []
  for (const { line } of lines.slice(0, limits.maxRows)) {
    if (line === null) continue
    const parsed = readJson(line, { maxSize: limits.maxBytes })
    if (!parsed.ok)
      return { ok: false, kind: 'statement', code: '54001', message: `a row is ${parsed.reason}` }
    rows.push(parsed.value as Record<string, unknown>)
  }
  return { ok: true, rows, cut: rows.length < lines.length }
}

async function costOf(client: pg.PoolClient, question: string, caps: readonly number[]): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (format json) ${question}`, [
    ...caps,
  ])
  const [plan] = JSON.parse(rows[0]?.['QUERY PLAN'] ?? '[]') as Array<{ Plan: { 'Total Cost': number } }>
  return plan?.Plan['Total Cost'] ?? 0
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
