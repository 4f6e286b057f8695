import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { asOf, type Database, migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
  testNats,
} from '@fluxgate/testing'
import { naiveFold, readTables } from '../test/naive.ts'
import { workload } from '../test/workload.ts'
import { type ProjectionConfig, readProjectionConfig } from './config.ts'
import { type Projection, type ProjectionOverrides, startProjection } from './service.ts'

const log = createLog('projection', 'silent')

describe('the projection', () => {
  let nats: NatsServer
  let postgres: PostgresServer
  let link: NatsLink
  let db: Database
  let config: ProjectionConfig
  const open: AsyncDisposable[] = []

  before(async () => {
    postgres = await startPostgres()
  })
  after(() => postgres[Symbol.asyncDispose]())

  async function fresh(
    t: { after(work: () => Promise<void>): void },
    { ownNats = false } = {},
  ): Promise<void> {
    nats = await (ownNats ? startNatsServer() : testNats())
    link = await connectNats({ url: nats.url, name: 'test' }, log)
    await ensureTopology(link)
    const url = await createDatabase(postgres)
    db = openDatabase(url)
    await migrateToLatest(db)
    const env = { DATABASE_URL: url, NATS_URL: nats.url, METRICS_PORT: '0', PROJECTION_LAG_EVERY: '100ms' }
    config = readConfig({ ...env, PROJECTION_RETRY_MAX: '200ms' }, readProjectionConfig)
    t.after(async () => {
      for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
      await db.destroy()
      await link[Symbol.asyncDispose]()
      await nats[Symbol.asyncDispose]()
    })
  }

  async function start(
    more: Partial<ProjectionConfig> = {},
    overrides: ProjectionOverrides = {},
  ): Promise<Projection> {
    const projection = await startProjection({ ...config, ...more }, log, overrides)
    open.push(projection)
    return projection
  }

  async function publish(events: readonly OutgoingEvent[]): Promise<void> {
    await using publisher = new EventPublisher(link)
    for (const event of events) publisher.append(event)
    await publisher.flush()
  }

  async function untilDone(...projections: Projection[]): Promise<void> {
    const ends = new Map<string, number>()
    for (const stream of Object.values(STREAMS)) {
      ends.set(stream, (await link.manager.streams.info(stream)).state.last_seq)
    }
    const isDone = (projection: Projection) =>
      [...ends].every(([stream, sequence]) => projection.positionOf(stream) >= sequence)
    await eventually(() => projections.every(isDone), { timeoutMs: 60_000 })
  }

  test('what the gateways append is in the tables a moment later, and the metrics tell so', async t => {
    await fresh(t)
    const projection = await start()
    const events = workload({ requests: 800 })
    await publish(events)
    await untilDone(projection)
    assert.deepEqual(await readTables(db), naiveFold(events))
    const positions = await asOf(db)
    assert.deepEqual(
      positions.map(position => position.stream),
      Object.values(STREAMS).sort(),
    )
    const began = performance.now()
    await publish(workload({ requests: 1, startMs: Date.UTC(2027, 0) }).slice(0, 1))
    await untilDone(projection)
    assert.ok(performance.now() - began < 2_000)
    const metrics = await (await fetch(`http://127.0.0.1:${projection.metricsPort}/metrics`)).text()
    assert.match(metrics, /fluxgate_projection_lag_messages\{stream="REQUESTS",service="projection"\} 0/)
    assert.match(metrics, /fluxgate_projection_batches_total\{service="projection"\} [1-9]/)
    assert.equal((await fetch(`http://127.0.0.1:${projection.metricsPort}/ready`)).status, 200)
  })

  test('Postgres killed again and again: nothing is lost and nothing counts twice', async t => {
    await fresh(t)
    const events = workload({ requests: 6_000 })
    await publish(events)
    const projection = await start({ batchEvents: 300, bufferEvents: 900, readEvents: 100 })
    for (const share of [0.1, 0.4, 0.7]) {
      const goal = Math.floor(share * 12_000)
      await eventually(() => projection.positionOf('REQUESTS') >= goal * 0.9, {
        timeoutMs: 30_000,
        everyMs: 2,
      })
      await postgres.stop('SIGKILL')
      await eventually(async () => (await readiness(projection)).missing.projecting !== undefined)
      await postgres.start()
    }
    await untilDone(projection)
    assert.deepEqual(await readTables(db), naiveFold(events))
    assert.equal((await readiness(projection)).ready, true)
  })

  test('a restart goes on at the checkpoint; NATS may be killed meanwhile', async t => {
    await fresh(t, { ownNats: true })
    const events = workload({ requests: 2_000 })
    await publish(events.slice(0, 2_500))
    const first = await start()
    await untilDone(first)
    await open.pop()?.[Symbol.asyncDispose]()
    await publish(events.slice(2_500))
    const second = await start({ batchEvents: 200, bufferEvents: 400, readEvents: 50 })
    await eventually(() => second.positionOf('TOKENS') > 0, { everyMs: 1 })
    await nats.stop('SIGKILL')
    await nats.start()
    await eventually(() => link.isConnected())
    await untilDone(second)
    assert.deepEqual(await readTables(db), naiveFold(events))
    const metrics = await (await fetch(`http://127.0.0.1:${second.metricsPort}/metrics`)).text()
    // The second instance folded only what the first had left.
    const folded = [...metrics.matchAll(/events_total\{[^}]*\} (\d+)/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
    assert.equal(folded, events.length - 2_500)
  })

  test('two instances beside each other do not count twice', async t => {
    await fresh(t)
    const events = workload({ requests: 3_000 })
    const limits = { batchEvents: 400, bufferEvents: 800, readEvents: 100 }
    const both = await Promise.all([start(limits), start(limits)])
    await publish(events)
    await untilDone(...both)
    assert.deepEqual(await readTables(db), naiveFold(events))
  })

  test('the projection starts before Postgres and before its tables are there', async t => {
    await fresh(t)
    const events = workload({ requests: 100 })
    await publish(events)
    await postgres.stop('SIGKILL')
    const projection = await start()
    await eventually(async () =>
      assert.match((await readiness(projection)).missing.projecting ?? '', /ECONNREFUSED/),
    )
    await postgres.start()
    await untilDone(projection)
    assert.deepEqual(await readTables(db), naiveFold(events))
  })

  test('tables that were set back are filled again from the log', async t => {
    await fresh(t)
    const events = workload({ requests: 500 })
    await publish(events)
    const projection = await start()
    await untilDone(projection)
    // As after a fail-over to a copy of the database that had not yet received anything.
    await runScript(
      db,
      `truncate requests, usage_minutes, usage_hours, usage_days, latency_minutes, latency_hours, latency_days,
         auth_events, throttles, incidents, budget_crossings;
       update projection_checkpoints set sequence = 0;
       update request_totals set admitted = 0, refused = 0, completed = 0, failed = 0, interrupted = 0, settled = 0,
         prompt_tokens = 0, completion_tokens = 0, total_tokens = 0, repeated = 0, cost_micros = 0`,
    )
    const more = workload({ requests: 20, seed: 2, startMs: Date.UTC(2026, 11, 1) }).map(renamed)
    await publish(more)
    const isWhole = async () => assert.deepEqual(await readTables(db), naiveFold([...events, ...more]))
    await eventually(isWhole, { timeoutMs: 60_000, everyMs: 100 })
  })

  test('a stream that lost messages halts, alone, and readiness says so', async t => {
    await fresh(t)
    await publish(workload({ requests: 300 }))
    const projection = await start()
    await untilDone(projection)
    await link.manager.streams.delete('TOKENS')
    await ensureTopology(link)
    await eventually(() => projection.halted.has('TOKENS'))
    const { ready, missing } = await readiness(projection)
    assert.equal(ready, false)
    assert.match(missing.streams ?? '', /^TOKENS was made anew at .*projection:accept/)
    const at = projection.positionOf('REQUESTS')
    await publish(workload({ requests: 10, seed: 3, startMs: Date.UTC(2026, 11, 1) }).map(renamed))
    await eventually(() => projection.positionOf('REQUESTS') > at)
    assert.deepEqual([...projection.halted.keys()], ['TOKENS'])
  })
})

async function readiness(
  projection: Projection,
): Promise<{ ready: boolean; missing: Record<string, string> }> {
  const answer = await fetch(`http://127.0.0.1:${projection.metricsPort}/ready`)
  return (await answer.json()) as { ready: boolean; missing: Record<string, string> }
}

/** The same events about other requests and under other event ids. */
function renamed(outgoing: OutgoingEvent): OutgoingEvent {
  const text = JSON.stringify(outgoing)
    .replaceAll('01TEST', '01MORE')
    .replaceAll('req_', 'more_')
    .replaceAll('inc_0', 'inc_1')
  return JSON.parse(text) as OutgoingEvent
}
