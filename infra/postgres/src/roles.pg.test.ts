import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  asOf,
  createSession,
  createUser,
  type Database,
  findSession,
  gatewayMetrics,
  listRequests,
  openDatabase,
  runScript,
} from '@fluxgate/read-model'
import { startPostgres } from '@fluxgate/testing'
import { initSql } from './init-sql.ts'
import { migrate } from './migrate.ts'
import { RIGHTS, type Right, rolesTable } from './rights.ts'

const SERVICES = ['gateway', 'projection', 'mcp', 'dashboard', 'forensics'] as const
const DENIED = { code: '42501' }
for (const form of ['migrations', 'init.sql'] as const) {
  test(`each service may do what it must and nothing else (${form})`, async t => {
    await using server = await startPostgres()
    // PGlite has one session for all connections, and so one user.
    if (server.kind === 'pglite') return t.skip('needs PostgreSQL')
    await using owner = openDatabase(server.url)
    if (form === 'migrations') await migrate(server.url)
    else await runScript(owner, await initSql())
    // May be run again, as by an administrator who has made the roles later.
    await runScript(owner, 'select grant_service_roles()')
    await runScript(owner, 'select make_read_views()')
    for (const service of SERVICES) {
      await runScript(owner, `create user ${service} in role fluxgate_${service}`)
    }
    const as = (service: (typeof SERVICES)[number]) =>
      openDatabase(server.url.replace('postgres@', `${service}@`))

    await using gateway = as('gateway')
    assert.ok((await createUser(gateway, { id: 'ann', email: 'ann@example.com', createdAt: 0 })).ok)
    const session = { id: 's', userId: 'ann', createdAt: 0, expiresAt: 1, address: '', agent: '' }
    await createSession(gateway, session)
    await mayOnly(gateway, RIGHTS.gateway)
    await denied(gateway, ['drop table users', `select request_day_add('public', '2026-11-23')`])

    await using projection = as('projection')
    await mayOnly(projection, RIGHTS.projection)
    await runScript(projection, `select request_day_add('public', '2026-11-23')`)
    await runScript(
      projection,
      `insert into requests (request_id, user_id, key_id, state, at)
       values (request_day_begins('2026-11-23') || 'x', 'ann', 'k', 'admitted', now());
       delete from requests where user_id = 'ann';
       select request_days_drop('public', '2026-11-24')`,
    )
    await denied(projection, [
      `select request_day_add('pg_catalog', '2026-11-23')`,
      'create table mine ()',
      'drop table requests',
      'select grant_service_roles()',
    ])

    await runScript(owner, 'create user reader in role fluxgate_mcp_reader')
    await using questions = openDatabase(server.url.replace('postgres@', 'reader@'))
    await mayOnly(questions, RIGHTS.mcp_reader)
    await runScript(questions, 'select count(*) from reports.requests')
    await denied(questions, ['select id from users', 'select make_read_views()', 'create table mine ()'])

    for (const service of ['mcp', 'dashboard', 'forensics'] as const) {
      await using reader = as(service)
      await gatewayMetrics(reader, { windowMs: 60_000, nowMs: 0 })
      assert.deepEqual((await listRequests(reader, { limit: 1 })).items, [])
      await asOf(reader)
      await mayOnly(reader, RIGHTS[service])
      await denied(reader, [
        'select password_hash from users',
        'select hash from api_keys',
        `select request_days_drop('public', '2026-11-24')`,
      ])
      if (service === 'forensics') {
        await denied(reader, ['select id from users'])
        continue
      }
      assert.equal((await findSession(reader, 's'))?.email, 'ann@example.com')
      if (service === 'dashboard') await runScript(reader, 'select id, name, prefix, last4 from api_keys')
      else await denied(reader, ['select id from api_keys'])
    }
  })
}

/** Tables of the schema that the user may touch as a whole are exactly these; partitions are reached through theirs. */
async function mayOnly(db: Database, expected: Record<Right, readonly string[]>): Promise<void> {
  for (const [right, tables] of Object.entries(expected)) {
    const rows = await runScript(
      db,
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
         and has_table_privilege(oid, '${right}') order by 1`,
    )
    assert.deepEqual(
      rows.map(row => (row as { name: string }).name),
      [...tables].sort(),
      right,
    )
  }
}

async function denied(db: Database, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await assert.rejects(runScript(db, statement), DENIED, statement)
}

test('postgres-roles.md is what is tested', () => {
  const written = readFileSync(join(import.meta.dirname, '../../docs/reference/postgres-roles.md'), 'utf8')
  assert.equal(written, rolesTable(), 'run `npm run db:init-sql`')
})
