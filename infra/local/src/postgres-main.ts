import { existsSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { type EnvReader, run } from '@fluxgate/runtime'
import { makeEmptyDirectory } from './pglite/empty-directory.ts'
import { startEngineWatch } from './pglite/engine-watch.ts'
import { servePglite } from './pglite/server.ts'

interface PostgresConfig {
  readonly dataDir: string
  readonly port: number
  /** By user; `postgres` may do all, and any other user only read what it has been granted. */
  readonly passwords: ReadonlyMap<string, string>
  readonly maxQuestionMs: number
}

const MIN_PASSWORD_BYTES = 16
/** What one question in SQL may let the process grow by. */
const MAX_GROWTH_BYTES = 512 * 1024 ** 2

/**
 * A Postgres in one npm package, for `npm start` on a machine without one: PGlite on disk behind the wire protocol.
 * It has one session, so connections take turns, a whole transaction at a time.
 */
await run(process.env, { name: 'postgres', readConfig, start })

function readConfig(env: EnvReader): PostgresConfig {
  return {
    dataDir: env.text('POSTGRES_DIR'),
    port: env.port('POSTGRES_PORT', 5432),
    passwords: new Map([
      ['postgres', env.secret('POSTGRES_PASSWORD', MIN_PASSWORD_BYTES)],
      ['mcp_reader', env.secret('POSTGRES_PASSWORD_MCP_READER', MIN_PASSWORD_BYTES)],
    ]),
    maxQuestionMs: env.durationMs('POSTGRES_MAX_QUESTION', 10_000),
  }
}

async function start({ dataDir, port, passwords, maxQuestionMs }: PostgresConfig): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  if (!existsSync(dataDir)) await makeEmptyDirectory(dataDir)
  const database = stack.adopt(await PGlite.create(dataDir), db => db.close())
  const bounds = { maxTurnMs: maxQuestionMs, maxGrowthBytes: MAX_GROWTH_BYTES }
  const watch = stack.use(await startEngineWatch(bounds))
  const databaseNamed = (name: string) => (name === 'postgres' ? database : undefined)
  stack.use(await servePglite({ port, databaseNamed, passwords, watch }))
  const owned = stack.move()
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
