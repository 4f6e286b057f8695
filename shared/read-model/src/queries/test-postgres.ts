import { after, before, describe } from 'node:test'
import { createDatabase, type PostgresServer, startPostgres, testPostgres } from '@fluxgate/testing'
import { type Database, openDatabase } from '../database.ts'
import { migrateToLatest, runScript } from '../migrations.ts'

/** The same tests on PostgreSQL, where it is installed, and on PGlite; each has an empty database. */
export function describeOnEachPostgres(name: string, tests: (database: () => Database) => void): void {
  for (const kind of [undefined, 'pglite'] as const) {
    describe(`${name} on ${kind ?? 'the best Postgres there is'}`, () => {
      let server: PostgresServer
      let db: Database
      before(async () => {
        server = await (kind ? startPostgres({ kind }) : testPostgres())
        db = openDatabase(await createDatabase(server))
        await migrateToLatest(db)
      })
      after(async () => {
        await db.destroy()
        await server[Symbol.asyncDispose]()
      })
      tests(() => db)
    })
  }
}

/** Hours and days out of the minutes, as the projection has them. */
export async function rollUp(
  db: Database,
  table: 'usage' | 'latency',
  summed: readonly string[],
): Promise<void> {
  const place = table === 'usage' ? 'user_id, key_id, model, upstream' : 'model, upstream, measure, bucket'
  const sums = summed.map(name => `sum(${name})`).join(', ')
  for (const grain of ['hour', 'day']) {
    await runScript(
      db,
      `delete from ${table}_${grain}s;
       insert into ${table}_${grain}s (${grain}, ${place}, ${summed.join(', ')})
       select date_trunc('${grain}', minute, 'UTC'), ${place}, ${sums} from ${table}_minutes group by 1, 2, 3, 4, 5`,
    )
  }
}
