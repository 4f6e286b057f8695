import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { deadLetterSubject, encodeEvent, type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import {
  connectNats,
  DEAD_LETTER_HEADERS,
  EventPublisher,
  ensureTopology,
  type PublisherLimits,
} from '@fluxgate/nats'
import { migrateToLatest, openDatabase, requestTotals, runScript } from '@fluxgate/read-model'
import { createIds, createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, startPostgres, testNats, testPostgres } from '@fluxgate/testing'
import { naiveFold, readTables } from '../test/naive.ts'
import { workload } from '../test/workload.ts'
import { readProjectionConfig } from './config.ts'
import { OWNER, startProjection } from './service.ts'
import { acceptStreams } from './tables/accept-streams.pg.ts'

const log = createLog('projection', 'silent')
const SMALL = {
  PROJECTION_BATCH_EVENTS: '200',
  PROJECTION_BUFFER_EVENTS: '400',
  PROJECTION_READ_EVENTS: '50',
}

/** A log and tables of their own, and the ways to write to the one and look into the other. */
async function startBench(more: Record<string, string> = {}, { ownPostgres = false } = {}) {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await testNats())
  const postgres = stack.use(await (ownPostgres ? startPostgres() : testPostgres()))
  const link = stack.use(await connectNats({ url: nats.url, name: 'test' }, log))
  await ensureTopology(link)
  const url = await createDatabase(postgres)
  const db = stack.use(openDatabase(url))
  await migrateToLatest(db)
  const env = { DATABASE_URL: url, NATS_URL: nats.url, PROJECTION_RETRY_MAX: '200ms', ...more }
  const owned = stack.move()
  return {
    postgres,
    link,
    db,
    env,
    config: readConfig(env, readProjectionConfig),
    async publish(events: readonly OutgoingEvent[], limits: Partial<PublisherLimits> = {}) {
      await using publisher = new EventPublisher(link, limits)
      for (const event of events) publisher.append(event)
      await publisher.flush()
    },
    /** Messages of the log that the tables do not hold. */
    async missing() {
      const rows = await runScript(db, 'select stream, sequence from projection_checkpoints')
      const stored = new Map(
        (rows as Array<{ stream: string; sequence: number }>).map(row => [row.stream, row.sequence]),
      )
      let missing = 0
      for (const stream of Object.values(STREAMS)) {
        missing += (await link.manager.streams.info(stream)).state.last_seq - (stored.get(stream) ?? 0)
      }
      return missing
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

type Bench = Awaited<ReturnType<typeof startBench>>

async function untilWhole(bench: Bench, events: readonly OutgoingEvent[]): Promise<void> {
  await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 90_000, everyMs: 50 })
  assert.deepEqual(await readTables(bench.db), naiveFold(events))
  // Settled tokens, in the log and in each table that counts them.
  const settled = events.reduce(
    (sum, { event }) => sum + (event.type === 'fluxgate.tokens.settled' ? event.data.total : 0),
    0,
  )
  for (const table of ['requests', 'request_totals', 'usage_minutes', 'usage_hours', 'usage_days']) {
    const [row] = await runScript(bench.db, `select sum(total_tokens)::bigint as tokens from ${table}`)
    assert.deepEqual(row, { tokens: settled }, table)
  }
}

test('projection loses nothing when Postgres is away for ten attempts', async () => {
  await using bench = await startBench({}, { ownPostgres: true })
  const events = workload({ requests: 3_000 })
  await bench.publish(events.slice(0, 4_000))
  const lines: string[] = []
  const noted = createLog('projection', 'warn', { write: (line: string) => lines.push(line) })
  await using projection = await startProjection(bench.config, noted)
  await eventually(() => projection.positionOf('REQUESTS') > 500, { timeoutMs: 60_000 })
  await bench.postgres.stop()
  await bench.publish(events.slice(4_000))
  await eventually(() => lines.filter(line => line.includes('trying again')).length >= 10)
  await bench.postgres.start()
  await untilWhole(bench, events)
})

test('the projection killed again and again in the middle of its work', async () => {
  await using bench = await startBench(SMALL)
  const events = workload({ requests: 4_000 })
  await bench.publish(events)
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  const env = { ...process.env, ...bench.env, LOG_LEVEL: 'silent' }
  let missing = events.length
  for (let kills = 0; kills < 4; kills++) {
    const child = spawn(process.execPath, [main], { env, stdio: 'ignore' })
    const goal = missing - 1_500
    await eventually(async () => (await bench.missing()) < goal, { timeoutMs: 60_000, everyMs: 3 })
    child.kill('SIGKILL')
    await once(child, 'exit')
    missing = await bench.missing()
    assert.ok(missing > 0, 'killed before it was done')
  }
  const child = spawn(process.execPath, [main], { env, stdio: 'ignore' })
  try {
    await untilWhole(bench, events)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

test('settlements and endings before admissions, and every third event delivered twice', async () => {
  await using bench = await startBench()
  await using _projection = await startProjection(bench.config, log)
  const events = workload({ requests: 1_000 })
  const isRequest = ({ event }: OutgoingEvent) => event.type.startsWith('fluxgate.requests.')
  const isDecision = ({ event }: OutgoingEvent) => /admitted|refused/.test(event.type)
  const rest = events.filter(event => !isRequest(event))
  const endings = events.filter(event => isRequest(event) && !isDecision(event))
  const decisions = events.filter(event => isRequest(event) && isDecision(event))
  for (const part of [rest, endings, decisions]) {
    await bench.publish(part)
    await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 60_000 })
  }
  // Without a message id the stream takes them again, as after its window for duplicates.
  const again = events.filter((_, i) => i % 3 === 0)
  await Promise.all(
    again.map(({ subject, event }) => bench.link.jetstream.publish(subject, encodeEvent(event))),
  )
  await untilWhole(bench, events)
  assert.ok((await requestTotals(bench.db)).repeated > 500)
})

test('what cannot be read or stored goes to the dead letters with its reason; the rest goes on', async () => {
  await using bench = await startBench()
  const events = workload({ requests: 200 })
  const [first, ...others] = events
  const poisoned = {
    ...first!,
    event: { ...first!.event, id: '01POISON000000000000000000', time: '0000-01-01T00:00:00Z' },
  }
  await bench.publish(others.slice(0, 300))
  await bench.link.jetstream.publish(first!.subject, Buffer.from('{"not": "an event"}'))
  await bench.link.jetstream.publish(poisoned.subject, encodeEvent(poisoned.event))
  await bench.publish([...others.slice(300), first!])
  await using _projection = await startProjection(bench.config, log)
  await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 60_000 })
  assert.deepEqual((await readTables(bench.db)).totals, naiveFold(events).totals)
  const letters = await bench.link.manager.streams.find(deadLetterSubject('REQUESTS'))
  const { state } = await bench.link.manager.streams.info(letters)
  assert.equal(state.messages, 2)
  const reasons: string[] = []
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const { header } = await bench.link.manager.streams.getMessage(letters, { seq })
    assert.equal(header.get(DEAD_LETTER_HEADERS.consumer), 'projection')
    reasons.push(header.get(DEAD_LETTER_HEADERS.reason))
  }
  assert.match(reasons.sort().join('\n'), /date\/time field value out of range.*\nunknown event type/)
})

test('an event of a batch that cannot be stored is left out alone, and nothing of it counts twice', async () => {
  await using bench = await startBench()
  const events = workload({ requests: 200 })
  const [first] = events
  const early = { ...first!, event: { ...first!.event, time: '0000-01-01T00:00:00Z' } }
  const batches = { source: first!.event.source, newId: createIds(), partitions: 1 }
  await bench.publish([...events.slice(1, 300), early, ...events.slice(300), first!], { batches })
  await using _projection = await startProjection(bench.config, log)
  await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 60_000 })
  assert.deepEqual((await readTables(bench.db)).totals, naiveFold(events).totals)
  const letter = await bench.link.manager.streams.getMessage('DEADLETTER', { seq: 1 })
  assert.match(letter.header.get(DEAD_LETTER_HEADERS.reason), /date\/time field value out of range/)
  assert.match(letter.header.get(DEAD_LETTER_HEADERS.index), /^\d+$/)
  const { subject, event } = early
  assert.equal(letter.header.get(DEAD_LETTER_HEADERS.subject), subject)
  const { id, ...buried } = JSON.parse(letter.string())
  assert.deepEqual({ ...buried, id: event.id }, JSON.parse(encodeEvent(event)))
  assert.equal((await bench.link.manager.streams.info('DEADLETTER')).state.messages, 1, id)
})

test('the projection halts when NATS lost its disk while it was away, and goes on with the new streams when that is accepted', async () => {
  await using bench = await startBench()
  const events = workload({ requests: 600 })
  const before = events.slice(0, 400)
  await bench.publish(before)
  {
    await using projection = await startProjection(bench.config, log)
    await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 90_000 })
    assert.equal(projection.halted.size, 0)
  }
  const held = await readTables(bench.db)
  for (const stream of Object.values(STREAMS)) await bench.link.manager.streams.delete(stream)
  await ensureTopology(bench.link)
  // Longer than the streams of before, so that their ends do not give them away.
  const after = events.slice(400)
  await bench.publish(after)
  {
    const config = { ...bench.config, status: { ...bench.config.status, port: 0 } }
    await using projection = await startProjection(config, log)
    await eventually(() => assert.equal(projection.halted.size, Object.values(STREAMS).length))
    for (const [stream, why] of projection.halted) {
      assert.match(
        why,
        new RegExp(`^${stream} was made anew at .*: \`npm run fluxgate -- projection:accept\` goes on`),
      )
    }
    const ready = await fetch(`http://127.0.0.1:${projection.metricsPort}/ready`)
    assert.equal(ready.status, 503)
    assert.match(await ready.text(), /TOKENS was made anew/)
    const metrics = await (await fetch(`http://127.0.0.1:${projection.metricsPort}/metrics`)).text()
    assert.match(metrics, /fluxgate_projection_halted\{stream="TOKENS",service="projection"\} 1/)
    assert.deepEqual(await readTables(bench.db), held, 'nothing of the new streams is in the tables')
  }
  const accepted = await acceptStreams(bench.db, bench.link, OWNER)
  assert.deepEqual(accepted.map(({ stream }) => stream).sort(), Object.values(STREAMS).sort())
  assert.deepEqual(await acceptStreams(bench.db, bench.link, OWNER), [])
  await using projection = await startProjection(bench.config, log)
  await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 90_000 })
  assert.equal(projection.halted.size, 0)
  assert.deepEqual(await readTables(bench.db), naiveFold(events))
})

test('the projection reads nothing of a stream that is made anew while it runs', async () => {
  await using bench = await startBench()
  const events = workload({ requests: 300 })
  await bench.publish(events.slice(0, 200))
  await using projection = await startProjection(bench.config, log)
  await eventually(async () => (await bench.missing()) === 0, { timeoutMs: 90_000 })
  const held = await readTables(bench.db)
  for (const stream of Object.values(STREAMS)) await bench.link.manager.streams.delete(stream)
  await ensureTopology(bench.link)
  await bench.publish(events.slice(200))
  await eventually(() => assert.equal(projection.halted.size, Object.values(STREAMS).length), {
    timeoutMs: 60_000,
  })
  assert.deepEqual(await readTables(bench.db), held)
})
