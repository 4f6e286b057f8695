import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { type EnvReader, run } from '@fluxgate/runtime'
import { servePglite } from '../../../shared/testing/src/pglite-server.ts'

interface PostgresConfig {
  readonly dataDir: string
  readonly port: number
}

/**
 * A Postgres in one npm package, for `npm start` on a machine without one: PGlite on disk behind the wire protocol.
 * It has one session, so connections take turns, a whole transaction at a time.
 */
await run(process.env, { name: 'postgres', readConfig, start })

function readConfig(env: EnvReader): PostgresConfig {
  return { dataDir: env.text('POSTGRES_DIR'), port: env.port('POSTGRES_PORT', 5432) }
}

async function start({ dataDir, port }: PostgresConfig): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  if (!existsSync(dataDir)) await initialise(dataDir)
  const database = stack.adopt(await PGlite.create(dataDir), db => db.close())
  stack.use(await servePglite({ port, databaseNamed: name => (name === 'postgres' ? database : undefined) }))
  const owned = stack.move()
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** The directory gets its name when it is whole, so that a start that was cut short leaves no half database. */
async function initialise(dataDir: string): Promise<void> {
  await mkdir(dirname(dataDir), { recursive: true })
  const unfinished = `${dataDir}.${process.pid}`
  await (await PGlite.create(unfinished)).close()
  await rename(unfinished, dataDir)
}
