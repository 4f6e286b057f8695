import { type CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from './tables.ts'

/** `await using` it, or call `destroy()`. */
export type Database = Kysely<Tables>

export interface DatabaseOptions {
  /** Connections at most. */
  readonly max?: number
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string
  /** A query that runs longer is cancelled; 0 means never. PGlite does not cancel. */
  readonly statementTimeoutMs?: number
  readonly connectTimeoutMs?: number
  /** Commits return before they are on disk: for folds, which store their position with their rows. */
  readonly asynchronousCommit?: boolean
  /** Transactions write nothing unless they say so. */
  readonly readOnly?: boolean
  /** Told of connections that break while nobody waits for them; those that break in a query fail the query. */
  readonly onConnectionError?: (error: Error) => void
  /** Told of each statement that was run, as it was sent. */
  readonly onQuery?: (query: CompiledQuery) => void
  /** Given the pool's figures once, to be read at any time. */
  readonly onPool?: (figures: PoolFigures) => void
}

export interface PoolFigures {
  readonly totalCount: number
  readonly idleCount: number
  /** Queries that wait for a connection. */
  readonly waitingCount: number
}

const MAX_CONNECTIONS = 10
const STATEMENT_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 60_000

/** Opens nothing yet: connections come with the first query. Times are epoch milliseconds, int8 a safe integer. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const report = options.onConnectionError ?? (() => {})
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? MAX_CONNECTIONS,
    application_name: options.applicationName ?? 'fluxgate',
    statement_timeout: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    // Compiling a plan takes longer than any of these statements should.
    options: `-c TimeZone=UTC -c jit=off${options.asynchronousCommit ? ' -c synchronous_commit=off' : ''}${options.readOnly ? ' -c default_transaction_read_only=on' : ''}`,
    types: { getTypeParser: parserOf },
  })
  options.onPool?.(pool)
  pool.on('error', report)
  // A checked-out connection that breaks between two queries would otherwise end the process.
  pool.on('connect', client => client.on('error', report))
  const { onQuery } = options
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool }),
    ...(onQuery && { log: ({ query }) => onQuery(query) }),
  })
}

const { INT8, NUMERIC, TIMESTAMPTZ } = pg.types.builtins
const ownParsers: ReadonlyMap<number, (text: string) => number> = new Map([
  [INT8, safeInteger],
  [NUMERIC, Number],
  [TIMESTAMPTZ, epochMs],
])

const parserOf: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  (format !== 'binary' && ownParsers.get(oid)) || pg.types.getTypeParser(oid, format)

function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`integer from Postgres is too large: ${text}`)
  return value
}

/** `2026-11-23 05:09:00.123+00` */
function epochMs(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T${text.slice(11)}:00`)
}
