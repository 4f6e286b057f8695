import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDatabase, runScript } from '@fluxgate/read-model'
import { startPostgres } from '@fluxgate/testing'
import { migrate } from './migrate.ts'
import { makeUsers } from './users.ts'

const run = promisify(execFile)
const command = fileURLToPath(new URL('./users.ts', import.meta.url))

test('services get users of their own, and new passwords when asked for', async t => {
  await using server = await startPostgres()
  // PGlite has one session for all connections, and so one user.
  if (server.kind === 'pglite') return t.skip('needs PostgreSQL')
  await migrate(server.url)
  const odd = `p'"\\$users$ %L`
  for (const password of ['first', odd]) {
    assert.deepEqual(await makeUsers(server.url, new Map([['projection', password]])), ['projection'])
  }
  await using owner = openDatabase(server.url)
  const [secret] = (await runScript(
    owner,
    `select rolpassword, pg_has_role('projection', 'fluxgate_projection', 'usage') as member
     from pg_authid where rolname = 'projection'`,
  )) as Array<{ rolpassword: string; member: boolean }>
  assert.match(secret!.rolpassword, /^SCRAM-SHA-256\$/)
  assert.equal(secret!.member, true)
  await using projection = openDatabase(server.url.replace('postgres@', 'projection@'))
  await runScript(projection, 'select count(*) from requests')
  await assert.rejects(runScript(projection, 'select * from users'), { code: '42501' })

  await makeUsers(server.url, new Map([['mcp_reader', 'third']]))
  await using reader = openDatabase(server.url.replace('postgres@', 'mcp_reader@'), { statementTimeoutMs: 0 })
  await runScript(reader, 'select count(*) from reports.requests')
  await assert.rejects(runScript(reader, 'select id from users'), { code: '42501' })
  const [bounds] = await runScript(
    reader,
    `select current_setting('temp_file_limit') as files, current_setting('work_mem') as memory,
       current_setting('transaction_read_only') as reads`,
  )
  assert.deepEqual(bounds, { files: '256MB', memory: '16MB', reads: 'on' })
  await assert.rejects(runScript(reader, 'set temp_file_limit = -1'), { code: '42501' })

  const env = { ...process.env, DATABASE_URL: server.url, POSTGRES_PASSWORD_MCP: 'x' }
  assert.match((await run(process.execPath, [command], { env })).stdout, /can log in: mcp\n/)
  const none = run(process.execPath, [command], { env: { ...process.env, DATABASE_URL: server.url } })
  await assert.rejects(none, { code: 2, stderr: /users: set POSTGRES_PASSWORD_GATEWAY/ })
})
