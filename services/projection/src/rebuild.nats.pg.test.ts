import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { asOf, type Database, migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, startPostgres, testNats, testPostgres } from '@fluxgate/testing'
import { dumpTables, naiveFold, readTables } from '../test/naive.ts'
import { workload } from '../test/workload.ts'
import { readProjectionConfig } from './config.ts'
import { type RebuildProgress, rebuild } from './rebuild.nats.ts'
import { startProjection } from './service.ts'
import { prune } from './tables/prune.pg.ts'
import { openRequestDays } from './tables/request-days.pg.ts'

const log = createLog('projection', 'silent')

for (const kind of [undefined, 'pglite'] as const) {
  test(`rebuilt tables equal the live ones, which go on meanwhile (${kind ?? 'best Postgres'})`, async () => {
    await using nats = await testNats()
    await using postgres = await (kind ? startPostgres({ kind }) : testPostgres())
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
    const end: Record<string, number> = Object.fromEntries(Object.values(STREAMS).map(stream => [stream, 0]))
    const publish = async (part: typeof events) => {
      for (const event of part) {
        publisher.append(event, at => {
          end[at.stream] = at.sequence
        })
      }
      await publisher.flush()
    }
    const isDone = () => Object.values(STREAMS).every(stream => projection.positionOf(stream) >= end[stream]!)
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
    assert.ok(rebuilt!.get('REQUESTS')!.rebuilt >= 1_000)
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
      Object.values(STREAMS).map(() => 1),
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

test('a killed rebuild goes on where it stopped; readers see the old rows, then the new', async () => {
  await using nats = await testNats()
  await using postgres = await testPostgres()
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  await ensureTopology(link)
  await using publisher = new EventPublisher(link)
  const events = workload({ requests: 6_000 })
  for (const event of events) publisher.append(event)
  await publisher.flush()
  const databaseUrl = await createDatabase(postgres)
  await using db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  const env = {
    DATABASE_URL: databaseUrl,
    NATS_URL: nats.url,
    PROJECTION_PRUNE_EVERY: '0',
    RETENTION_DAYS: '3660',
  }
  const config = readConfig(env, readProjectionConfig)
  await using projection = await startProjection(config, log)
  const read = () => Object.values(STREAMS).reduce((sum, stream) => sum + projection.positionOf(stream), 0)
  await eventually(() => read() === events.length, { timeoutMs: 60_000 })
  const live = await dumpTables(db)
  await runScript(db, `update requests set path = '/old'`)

  const main = fileURLToPath(new URL('./rebuild-main.ts', import.meta.url))
  const slow = {
    PROJECTION_BATCH_EVENTS: '100',
    PROJECTION_READ_EVENTS: '50',
    PROJECTION_BUFFER_EVENTS: '200',
  }
  const child = spawn(process.execPath, [main], { env: { ...process.env, ...env, ...slow }, stdio: 'ignore' })
  const folded = async () => {
    const checkpoints = 'projection_rebuild.projection_checkpoints'
    const [there] = await runScript(db, `select to_regclass('${checkpoints}') is not null as yes`)
    if (!(there as { yes: boolean }).yes) return 0
    const [sum] = await runScript(db, `select coalesce(sum(sequence), 0)::int8 as n from ${checkpoints}`)
    return (sum as { n: number }).n
  }
  await eventually(async () => (await folded()) > 1_000, { timeoutMs: 60_000, everyMs: 5 })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const stoppedAt = await folded()
  assert.ok(stoppedAt < events.length)
  assert.equal(await countOf(db, `path = '/old'`), 6_000)

  const seen = new Set<string>()
  const reading = new AbortController()
  const reader = (async () => {
    while (!reading.signal.aborted)
      seen.add(`${await countOf(db, `path = '/old'`)} of ${await countOf(db, 'true')}`)
  })()
  const progress: RebuildProgress[] = []
  await rebuild({ ...config, acceptLoss: false }, log, { onProgress: each => progress.push(each) })
  reading.abort()
  await reader
  assert.ok(progress[0]!.done >= stoppedAt, 'resumed')
  assert.deepEqual(progress.at(-1), { done: events.length, total: events.length })
  assert.deepEqual(
    [...seen].filter(each => !/^(0|6000) of 6000$/.test(each)),
    [],
  )
  assert.deepEqual(await dumpTables(db), live)
})

async function countOf(db: Database, condition: string): Promise<number> {
  const [row] = await runScript(db, `select count(*) as n from requests where ${condition}`)
  return (row as { n: number }).n
}

test('a log that no longer begins at its beginning is not rebuilt from unasked; old rows go by their age', async () => {
  await using nats = await testNats()
  await using postgres = await testPostgres()
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  await ensureTopology(link)
  const events = workload({ requests: 300, requestsPerSecond: 1 })
  await using publisher = new EventPublisher(link)
  for (const event of events) publisher.append(event)
  await publisher.flush()
  const url = await createDatabase(postgres)
  await using db = openDatabase(url)
  await migrateToLatest(db)
  const env = { DATABASE_URL: url, NATS_URL: nats.url, PROJECTION_PRUNE_EVERY: '0' }
  const config = readConfig(env, readProjectionConfig)
  await link.manager.streams.purge('REQUESTS', { seq: 10 })
  await assert.rejects(rebuild({ ...config, acceptLoss: false }, log), /REQUESTS begins at 10/)
  await rebuild({ ...config, acceptLoss: true }, log)

  const nowMs = Date.parse(events[0]!.event.time) + 200_000
  const retention = { requestRetentionMs: 100_000, usageRetentionMs: 60_000, authRetentionMs: 1e12 }
  const days = openRequestDays(db, 'public', retention.requestRetentionMs, () => nowMs)
  const deleted = await prune(db, 'public', days, retention, nowMs, new AbortController().signal)
  assert.ok(deleted.usage_minutes! > 0)
  assert.equal(deleted.auth_events, 0)
  const [retained] = await runScript(db, 'select count(*) as n from requests')
  assert.ok((retained as { n: number }).n > 290, 'a day goes as a whole')
  const later = nowMs + 86_400_000
  const { request_days } = await prune(db, 'public', days, retention, later, new AbortController().signal)
  assert.ok(request_days! >= 1)
  assert.deepEqual(await runScript(db, 'select 1 from requests'), [])
  const [totals] = await runScript(db, 'select admitted + refused as n from request_totals')
  const reported = events.map(({ event }) => event.type).filter(type => type.startsWith('fluxgate.requests.'))
  const decided = reported.slice(9).filter(type => /admitted|refused/.test(type)).length
  assert.deepEqual(totals, { n: decided }, 'sums stay')
})
