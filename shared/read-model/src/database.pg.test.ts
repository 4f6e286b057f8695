import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '@fluxgate/testing'
import { sql } from 'kysely'
import { openDatabase } from './index.ts'

test('times, large numbers and the end of a connection', async () => {
  await using server = await startPostgres()
  const faults: Error[] = []
  await using db = openDatabase(server.url, {
    statementTimeoutMs: 200,
    applicationName: 'reader',
    onConnectionError: error => faults.push(error),
  })
  const { rows } = await sql`
    select '2026-11-23T05:09:00.123Z'::timestamptz as time, '1969-12-31T23:59:59+00'::timestamptz as early,
      9007199254740991::int8 as large, 2.5::numeric as ratio, current_setting('application_name') as name`.execute(
    db,
  )
  const time = Date.UTC(2026, 10, 23, 5, 9, 0, 123)
  assert.deepEqual(rows, [
    { time, early: -1_000, large: Number.MAX_SAFE_INTEGER, ratio: 2.5, name: 'reader' },
  ])
  await assert.rejects(sql`select 9007199254740993::int8`.execute(db), RangeError)
  await assert.rejects(sql`select pg_sleep(5)`.execute(db), { code: '57014' })

  // A crash takes the idle connections and one between two queries of a transaction; neither ends this process.
  await assert.rejects(
    db.transaction().execute(async trx => {
      await sql`select 1`.execute(trx)
      await server.stop('SIGKILL')
      await new Promise(done => setTimeout(done, 50))
      await sql`select 1`.execute(trx)
    }),
  )
  assert.ok(faults.length > 0)
  await server.start()
  assert.deepEqual((await sql`select 1 as one`.execute(db)).rows, [{ one: 1 }])
})
