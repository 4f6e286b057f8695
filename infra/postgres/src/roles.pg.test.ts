import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import {
  createSession,
  createUser,
  findSession,
  gatewayMetrics,
  openDatabase,
  runScript,
} from '@fluxgate/read-model'
import { startPostgres } from '@fluxgate/testing'
import { migrate } from './migrate.ts'

const roles = await readFile(new URL('../roles.sql', import.meta.url), 'utf8')

test('each service may do what it must and nothing else', async t => {
  await using server = await startPostgres()
  // PGlite has one session for all connections, and so one user.
  if (server.kind === 'pglite') return t.skip('needs PostgreSQL')
  await migrate(server.url)
  await using owner = openDatabase(server.url)
  for (let times = 0; times < 2; times++) await runScript(owner, roles)
  for (const service of ['gateway', 'projection', 'reader']) {
    await runScript(owner, `create user ${service} in role fluxgate_${service}`)
  }
  const as = (service: string) => openDatabase(server.url.replace('postgres@', `${service}@`))
  const denied = { code: '42501' }

  await using gateway = as('gateway')
  assert.ok((await createUser(gateway, { id: 'ann', email: 'ann@example.com', createdAt: 0 })).ok)
  await createSession(gateway, { id: 's', userId: 'ann', createdAt: 0, expiresAt: 1, address: '', agent: '' })
  await assert.rejects(runScript(gateway, 'delete from requests'), denied)
  await assert.rejects(runScript(gateway, 'drop table users'), denied)

  await using projection = as('projection')
  await runScript(projection, 'update request_totals set admitted = 0; delete from usage_minutes')
  await assert.rejects(runScript(projection, 'select * from users'), denied)

  await using reader = as('reader')
  assert.equal((await gatewayMetrics(reader, { windowMs: 60_000, nowMs: 0 })).totals.admitted, 0)
  assert.equal((await findSession(reader, 's'))?.email, 'ann@example.com')
  for (const secret of [
    'select password_hash from users',
    'select hash from api_keys',
    'delete from sessions',
  ]) {
    await assert.rejects(runScript(reader, secret), denied)
  }
})
