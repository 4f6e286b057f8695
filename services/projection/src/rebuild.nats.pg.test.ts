import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { asOf, migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, startNatsServer, startPostgres } from '@fluxgate/testing'
import { dumpTables, naiveFold, readTables } from '../test/naive.ts'
import { workload } from '../test/workload.ts'
import { readProjectionConfig } from './config.ts'
import { prune } from './out/prune.ts'
import { rebuild } from './rebuild.ts'
import { startProjection } from './service.ts'

const log = createLog('projection', 'silent')

for (const kind of [undefined, 'pglite'] as const) {
  test(`rebuilt tables equal the live ones, which go on meanwhile (${kind ?? 'best Postgres'})`, async () => {
    await using nats = await startNatsServer()
    await using postgres = await startPostgres(kind ? { kind } : {})
    const url = await createDatabase(postgres)
    await using db = openDatabase(url)
    await migrateToLatest(db)
    if (postgres.kind === 'postgresql')
      await runScript(db, 'create role viewer; grant select on requests to viewer')
    await using link = await connectNats({ url: nats.url, name: 'test' }, log)
    await ensureTopology(link)
    await using publisher = new EventPublisher(link)
    const config = readConfig(
      { DATABASE_URL: url, NATS_URL: nats.url, PROJECTION_PRUNE_EVERY: '0' },
      readProjectionConfig,
    )
    await using projection = await startProjection(config, log)
    const events = workload({ requests: 2_000 })
    const end = { REQUESTS: 0, TOKENS: 0, AUTH: 0, THROTTLES: 0, INCIDENTS: 0 }
    const publish = async (part: typeof events) => {
      for (const event of part) {
        publisher.append(event, at => {
          end[at.stream as keyof typeof end] = at.sequence
        })
      }
      await publisher.flush()
    }
    const isDone = () =>
      Object.values(STREAMS).every(stream => projection.positionOf(stream) >= end[stream as keyof typeof end])
    const untilDone = () => eventually(isDone, { timeoutMs: 60_000 })

    await publish(events.slice(0, 3_000))
    await untilDone()
    const live = await dumpTables(db)
    // A fault in the live tables, which only a rebuild mends.
    await runScript(
      db,
      `delete from usage_minutes; update requests set state = 'failed'; delete from incidents`,
    )
    const [rebuilt] = await Promise.all([
      rebuild({ ...config, acceptLoss: false }, log),
      publish(events.slice(3_000)),
    ])
    assert.ok(rebuilt.get('REQUESTS')!.rebuilt >= 1_000)
    await untilDone()
    await eventually(async () => assert.deepEqual(await readTables(db), naiveFold(events)), {
      timeoutMs: 60_000,
      everyMs: 200,
    })
    const rows = new Map(
      (await dumpTables(db)).requests!.map(row => [(row as { request_id: string }).request_id, row]),
    )
    const ended = live.requests!.filter(row => (row as { ended_at: unknown }).ended_at !== null)
    assert.ok(ended.length > 500)
    for (const row of ended.slice(0, -200))
      assert.deepEqual(rows.get((row as { request_id: string }).request_id), row)
    assert.deepEqual(
      (await asOf(db)).map(position => position.version),
      [1, 1, 1, 1, 1],
    )
    const schemas = await runScript(db, `select nspname from pg_namespace where nspname like 'projection%'`)
    assert.deepEqual(schemas, [])
    if (postgres.kind === 'postgresql') {
      const [granted] = await runScript(
        db,
        `select has_table_privilege('viewer', 'requests', 'select') as granted`,
      )
      assert.deepEqual(granted, { granted: true })
    }
  })
}

test('a log that no longer begins at its beginning is not rebuilt from unasked; old rows go by their age', async () => {
  await using nats = await startNatsServer()
  await using postgres = await startPostgres()
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  await ensureTopology(link)
  const events = workload({ requests: 300, requestsPerSecond: 1 })
  await using publisher = new EventPublisher(link)
  for (const event of events) publisher.append(event)
  await publisher.flush()
  await using db = openDatabase(postgres.url)
  await migrateToLatest(db)
  const env = { DATABASE_URL: postgres.url, NATS_URL: nats.url, PROJECTION_PRUNE_EVERY: '0' }
  const config = readConfig(env, readProjectionConfig)
  await link.manager.streams.purge('REQUESTS', { seq: 10 })
  await assert.rejects(rebuild({ ...config, acceptLoss: false }, log), /REQUESTS begins at 10/)
  await rebuild({ ...config, acceptLoss: true }, log)

  const nowMs = Date.parse(events[0]!.event.time) + 200_000
  const retention = { requestsKeptMs: 100_000, usageKeptMs: 60_000, authKeptMs: 1e12 }
  const deleted = await prune(db, retention, nowMs, new AbortController().signal)
  const [left] = await runScript(db, 'select count(*) as n from requests')
  assert.ok(deleted.requests! >= 90 && deleted.requests! <= 101, `${deleted.requests}`)
  assert.ok(deleted.usage_minutes! > 0)
  assert.equal(deleted.auth_events, 0)
  assert.ok((left as { n: number }).n > 190)
})
