import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeUsers, migrate } from '@fluxgate/postgres'
import { openDatabase, openQuestions, requestTotals } from '@fluxgate/read-model'
import { eventually, freePort } from '@fluxgate/testing'
import pg from 'pg'
import { postgresChild } from './children.ts'
import { readFigures } from './figures.ts'
import { SUPERVISOR_DEFAULTS, Supervisor } from './supervisor/supervisor.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'fluxgate-local-pg-'))
const port = await freePort()
const passwords = { POSTGRES_PASSWORD: 'p'.repeat(32), POSTGRES_PASSWORD_MCP_READER: 'r'.repeat(32) }
const urlOf = (user: string, password: string) => `postgres://${user}:${password}@127.0.0.1:${port}/postgres`
const url = urlOf('postgres', passwords.POSTGRES_PASSWORD)
const readUrl = urlOf('mcp_reader', passwords.POSTGRES_PASSWORD_MCP_READER)
const supervisor = new Supervisor({ ...SUPERVISOR_DEFAULTS, logDir: dataDir, minBackoffMs: 50 }, () => {})
after(async () => {
  await supervisor.stop()
  rmSync(dataDir, { recursive: true, force: true })
})
await supervisor.start(
  postgresChild(dataDir, port, { ...process.env, POSTGRES_MAX_QUESTION: '2s' }, passwords),
)

test('the schema is made, and the status line reads from it', async () => {
  assert.ok((await migrate(url)).length > 0)
  assert.deepEqual(await migrate(url), [])
  await using db = openDatabase(url, { max: 1 })
  const { atMs, ...figures } = await readFigures(db, 1_000)
  assert.equal(atMs, 1_000)
  assert.deepEqual(figures, { requests: 0, tokens: 0, activeThrottles: 0, openIncidents: 0 })
})

test('several pools with transactions at once do not mix', async () => {
  await using setup = openPool(1)
  await setup.pool.query('create table counters (name text primary key, value int not null)')
  await setup.pool.query("insert into counters values ('all', 0)")
  await using first = openPool(5)
  await using second = openPool(5)
  await using third = openPool(2)
  const add = async (pool: pg.Pool, name: string) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      const { rows } = await client.query<{ value: number }>(
        'select value from counters where name = $1 for update',
        ['all'],
      )
      await client.query('insert into counters values ($1, $2)', [name, rows[0]?.value])
      await client.query('update counters set value = $1 where name = $2', [(rows[0]?.value ?? 0) + 1, 'all'])
      // Every fifth one is undone, and must leave nothing behind.
      await client.query(name.endsWith('0') || name.endsWith('5') ? 'rollback' : 'commit')
    } finally {
      client.release()
    }
  }
  const work = [first, second, third].flatMap(({ pool }, p) =>
    Array.from({ length: 40 }, (_, i) => add(pool, `${p}-${i}`)),
  )
  const reads = Array.from({ length: 40 }, () => third.pool.query('select count(*) from counters'))
  await Promise.all([...work, ...reads])
  const { rows } = await setup.pool.query("select value from counters where name = 'all'")
  assert.deepEqual(rows, [{ value: 96 }])
  const { rows: left } = await setup.pool.query('select count(*)::int as n from counters')
  assert.deepEqual(left, [{ n: 97 }])
})

test('commits outlive SIGKILL, and a client that dies in a transaction blocks no other', async () => {
  await using lost = openPool(1)
  const client = await lost.pool.connect()
  await client.query('begin')
  await client.query("insert into counters values ('never', 1)")
  client.release(true)

  process.kill(supervisor.pidOf('postgres') ?? 0, 'SIGKILL')
  await eventually(async () => {
    await using db = openDatabase(url, { max: 1 })
    return (await requestTotals(db)).admitted === 0
  })
  await using again = openPool(1)
  const { rows } = await again.pool.query("select count(*)::int as n from counters where name = 'never'")
  assert.deepEqual(rows, [{ n: 0 }])
  assert.deepEqual((await again.pool.query('select count(*)::int as n from counters')).rows, [{ n: 97 }])
})

test('the embedded Postgres refuses a client without the right password, and what is not its protocol', async () => {
  for (const [user, password] of [
    ['anybody', ''],
    ['postgres', ''],
    ['postgres', 'wrong'],
    ['mcp_reader', passwords.POSTGRES_PASSWORD],
  ] as const) {
    const client = new pg.Client(urlOf(user, password || 'none'))
    client.on('error', () => {})
    await assert.rejects(client.connect(), { code: '28P01' }, user)
  }
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(bytes)
    await once(socket, 'close')
  }
  await using alive = openPool(1)
  assert.deepEqual((await alive.pool.query('select 1 as n')).rows, [{ n: 1 }])
})

test('the embedded Postgres ends a transaction that stays idle, and others go on', async () => {
  await using holder = openPool(1)
  const client = await holder.pool.connect()
  const ended = once(client, 'error')
  // The end of the connection is a second error.
  client.on('error', () => {})
  await client.query('begin')
  await client.query("insert into counters values ('idle', 1)")
  await using other = openPool(1)
  const { rows } = await other.pool.query("select count(*)::int as n from counters where name = 'idle'")
  assert.deepEqual(rows, [{ n: 0 }])
  assert.match(String((await ended)[0]), /idle-in-transaction/)
  client.release(true)
})

test('a question that never ends is ended with the engine, which is there again', async () => {
  await makeUsers(url, new Map([['mcp_reader', 'not asked for by the embedded one']]))
  const questions = { maxConnections: 1, connectTimeoutMs: 20_000, timeoutMs: 60_000 }
  await using reader = openQuestions(readUrl, questions)
  const limits = { maxRows: 1, maxBytes: 1_000, maxCost: 1e12 }
  assert.deepEqual(await reader.ask('select count(*) as n from requests', limits), {
    ok: true,
    rows: [{ n: 0 }],
    cut: false,
  })
  const before = supervisor.pidOf('postgres')
  const endless = 'with recursive t (n) as (select 1 union all select 1 from t) select count(*) as n from t'
  const large = `select length(repeat('x', 900000000)) + length(repeat('y', 900000000)) as n`
  for (const statement of [endless, large]) {
    assert.deepEqual(await reader.ask(statement, limits), { ok: false, kind: 'ended' }, statement)
    await eventually(async () => {
      await using db = openDatabase(url, { max: 1 })
      return (await requestTotals(db)).admitted === 0
    })
  }
  assert.notEqual(supervisor.pidOf('postgres'), before)
})

function openPool(max: number) {
  const pool = new pg.Pool({ connectionString: url, max })
  pool.on('error', () => {})
  return { pool, [Symbol.asyncDispose]: () => pool.end() }
}
