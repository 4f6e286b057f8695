import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDatabase, readMigrations, runScript } from '@fluxgate/read-model'
import { createDatabase, type PostgresServer, startPostgres, testPostgres } from '@fluxgate/testing'
import { initSql } from './init-sql.ts'
import { migrate } from './migrate.ts'

const run = promisify(execFile)
const names = (await readMigrations()).map(migration => migration.name)

test('init.sql is up to date', async () => {
  const file = await readFile(new URL('../../../init.sql', import.meta.url), 'utf8')
  assert.equal(file, await initSql(), 'run npm run db:init-sql')
})

for (const kind of [undefined, 'pglite'] as const) {
  describe(`on ${kind ?? 'the best Postgres there is'}`, () => {
    let server: PostgresServer
    before(async () => {
      server = await (kind ? startPostgres({ kind }) : testPostgres())
    })
    after(() => server[Symbol.asyncDispose]())

    test('a database from init.sql equals a migrated one, and migrate finds nothing to do', async () => {
      const migrated = await createDatabase(server, { empty: true })
      assert.deepEqual(await migrate(migrated), names)
      const fresh = await createDatabase(server, { empty: true })
      await using db = openDatabase(fresh)
      await runScript(db, await initSql())
      assert.deepEqual(await migrate(fresh), [])
      assert.deepEqual(await catalog(fresh), await catalog(migrated))
    })

    test('many runs at once each end well, and one of them does the work', async () => {
      const url = await createDatabase(server, { empty: true })
      const ran = await Promise.all(Array.from({ length: 4 }, () => migrate(url)))
      assert.deepEqual(ran.flat().sort(), names)
    })

    test('the command tells what it did', async () => {
      const command = fileURLToPath(new URL('./migrate.ts', import.meta.url))
      const env = { ...process.env, DATABASE_URL: await createDatabase(server, { empty: true }) }
      assert.match((await run(process.execPath, [command], { env })).stdout, /^ran 0001_accounts, /)
      assert.match((await run(process.execPath, [command], { env })).stdout, /up to date/)
      const missing = run(process.execPath, [command], { env: { ...env, DATABASE_URL: '' } })
      await assert.rejects(missing, { code: 2, stderr: 'migrate: DATABASE_URL is missing\n' })
    })
  })
}

/** Everything that migrations make: tables, columns, constraints, indexes, functions, grants, and the rows they put there. */
async function catalog(url: string): Promise<unknown> {
  await using db = openDatabase(url)
  const rows = (text: string) => runScript(db, text)
  return {
    columns: await rows(`
      select table_name, column_name, ordinal_position, data_type, character_maximum_length, is_nullable,
        column_default
      from information_schema.columns where table_schema = 'public' order by 1, 3`),
    constraints: await rows(`
      select conrelid::regclass::text as "table", conname, pg_get_constraintdef(oid) as definition
      from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`),
    indexes: await rows(`
      select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`),
    relations: await rows(`
      select relname, relkind, reloptions from pg_class
      where relnamespace = 'public'::regnamespace order by 1`),
    functions: await rows(`
      select proname, prosrc, prosecdef, proconfig, proacl::text from pg_proc
      where pronamespace = 'public'::regnamespace order by 1`),
    grants: await rows(`
      select relname, coalesce(relacl, acldefault('r', relowner))::text as grants from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1`),
    partitions: await rows(`
      select inhrelid::regclass::text as child, inhparent::regclass::text as parent from pg_inherits order by 1`),
    migrations: await rows('select name from kysely_migration order by 1'),
    lock: await rows('select * from kysely_migration_lock'),
    totals: await rows('select * from request_totals'),
  }
}
