import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createDatabase, freePort, startPostgres } from './index.ts'
import { findPostgresql } from './postgresql.ts'

const kinds = (await findPostgresql()) ? (['postgresql', 'pglite'] as const) : (['pglite'] as const)

for (const kind of kinds) {
  test(`${kind}: data survives a stop and a crash; databases are apart; nothing is left behind`, async () => {
    const server = await startPostgres({ kind })
    assert.equal(server.kind, kind)
    const url = await createDatabase(server)
    await query(url, 'create table facts (n int)')
    await query(url, 'insert into facts values (1)')
    await server.stop()
    await assert.rejects(query(url, 'select 1'))
    await server.start()
    await query(url, 'insert into facts values (2)')
    await server.stop('SIGKILL')
    await server.start()
    assert.deepEqual(await query(url, 'select n from facts order by n'), [{ n: 1 }, { n: 2 }])
    const other = await createDatabase(server)
    await assert.rejects(query(other, 'select n from facts'), { code: '42P01' })
    await assert.rejects(query(url.replace(/\w+$/, 'missing'), 'select 1'), { code: '3D000' })
    await server[Symbol.asyncDispose]()
    assert.equal(existsSync(server.dataDir), false)
  })
}

test('pglite: an asked-for end is an orderly one', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-pglite-main-'))
  const main = fileURLToPath(new URL('./pglite-main.ts', import.meta.url))
  try {
    for (const end of ['SIGTERM', 'SIGINT', 'disconnect'] as const) {
      const args = ['--disable-warning=ExperimentalWarning', main, dataDir, String(await freePort())]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
      const errors = text(child.stderr!)
      await once(child, 'message')
      if (end === 'disconnect') child.disconnect()
      else child.kill(end)
      assert.deepEqual([...(await once(child, 'exit')), await errors], [0, null, ''], end)
    }
  } finally {
    await rm(dataDir, { recursive: true })
  }
})

test('pglite: connections beside each other keep their statements and transactions apart', async () => {
  await using server = await startPostgres({ kind: 'pglite' })
  const pool = new pg.Pool({ connectionString: server.url, max: 6 })
  await pool.query('create table counters (n int)')
  await pool.query('insert into counters values (0)')
  // Large parameters arrive in several pieces, while other connections send theirs.
  const large = 'x'.repeat(300_000)
  const work = Array.from({ length: 60 }, async (_, i) => {
    if (i % 3 === 0) {
      const { rows } = await pool.query('select $1::int as a, length($2) as l', [i, large])
      assert.deepEqual(rows, [{ a: i, l: large.length }])
    } else if (i % 3 === 1) {
      await assert.rejects(pool.query('select $1::int / 0', [i]), { code: '22012' })
    } else {
      const client = await pool.connect()
      await client.query('begin')
      const { rows } = await client.query<{ n: number }>('select n from counters')
      await client.query('update counters set n = $1', [rows[0]!.n + 1])
      await client.query('commit')
      client.release()
    }
  })
  await Promise.all(work)
  assert.deepEqual((await pool.query('select n from counters')).rows, [{ n: 20 }])

  const leaver = new pg.Client(server.url)
  await leaver.connect()
  await leaver.query('begin')
  await leaver.query('update counters set n = 99')
  await leaver.end()
  assert.deepEqual((await pool.query('select n from counters')).rows, [{ n: 20 }])
  await pool.end()
})

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
