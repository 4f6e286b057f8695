import { randomBytes } from 'node:crypto'
import { PGLITE } from './pglite.ts'
import { type DatabaseOptions, startPostgresProcess } from './postgres-process.ts'
import { findPostgresql, postgresqlOf } from './postgresql.ts'

export interface PostgresOptions {
  /** Absent: PostgreSQL where its binaries are installed, else PGlite. */
  readonly kind?: 'postgresql' | 'pglite'
  /** Absent: a temporary directory, removed at the end. A given one is created if need be and stays. */
  readonly dataDir?: string
  readonly port?: number
  /** A data directory of a server that was stopped, to begin with a copy of it. */
  readonly copyOf?: string
  /** Of PostgreSQL on Linux: memory of its own that each of its processes may have (RLIMIT_DATA). */
  readonly backendBytes?: number
}

export interface PostgresServer extends AsyncDisposable {
  /** Connection URL of the database `postgres`. */
  readonly url: string
  readonly port: number
  readonly kind: 'postgresql' | 'pglite'
  readonly dataDir: string
  /** Ends the server, by default as an operator would; SIGKILL is a crash. The data stays. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data. */
  start(): Promise<void>
  /** Makes a database of that name and returns its URL. */
  create(name: string, options?: DatabaseOptions): Promise<string>
}

/** A real Postgres for tests: it forgets nothing when it is stopped, but a machine's crash may lose data. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binaries = options.kind === 'pglite' ? undefined : await findPostgresql()
  if (binaries) return startPostgresProcess(await postgresqlOf(binaries, options.backendBytes), options)
  if (options.kind === 'postgresql') {
    throw new Error('PostgreSQL is not installed: no directory with initdb and postgres was found')
  }
  return startPostgresProcess(PGLITE, options)
}

/** A fresh database in the server, one for each test file; returns its URL. */
export function createDatabase(server: PostgresServer, options: DatabaseOptions = {}): Promise<string> {
  return server.create(`test_${randomBytes(6).toString('hex')}`, options)
}
