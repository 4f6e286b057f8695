import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import pg from 'pg'
import { createDatabase, startPostgres } from './index.ts'
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
