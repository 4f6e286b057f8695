import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  BUCKETS,
  GuardPolicy,
  jsonParser,
  RequestAdmitted,
  RequestCompleted,
  STREAMS,
  Throttle,
} from '@fluxgate/contracts'
import { acquireLease, Bucket, type LoggedEvent, replay } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ulid } from 'ulid'
import {
  admittedData,
  callTool,
  incidentRow,
  make,
  settled,
  startBench,
  type TestBench,
  TOKEN,
} from './test-bench.ts'

const POLICY: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 60_000,
}

describe('the tools over a real log and real tables', () => {
  let bench: TestBench
  let client: Client
  let box: Bucket<Throttle>
  const throttle = (until: number, actor = 'guard'): Throttle => ({
    ...{ capacity: 100, refillRate: 10, imposedAt: Date.now(), until, reason: 'too many tokens' },
    ...{ rule: 'context_flood', actor },
  })

  before(async () => {
    bench = await startBench()
    client = await bench.client()
    box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
  })
  after(() => bench[Symbol.asyncDispose]())

  async function facts(stream: string): Promise<LoggedEvent[]> {
    const found: LoggedEvent[] = []
    for await (const { events } of replay(bench.link, { stream, from: 'first' })) found.push(...events)
    return found
  }

  test('every tool says what it is for, in schemas and all four annotations', async () => {
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(tool => tool.name),
      [
        ...['get_gateway_metrics', 'usage_report', 'top_identities', 'query_requests', 'trace_request'],
        ...['identity_timeline', 'auth_events', 'get_security_incidents', 'get_incident', 'list_throttles'],
        ...['debug_guard_state', 'stream_health', 'acknowledge_incident', 'close_incident'],
        ...['pardon_identity', 'throttle_identity'],
      ],
    )
    for (const tool of tools) {
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = tool.annotations ?? {}
      for (const hint of [readOnlyHint, destructiveHint, idempotentHint, openWorldHint]) {
        assert.equal(typeof hint, 'boolean', tool.name)
      }
      assert.ok(tool.title && tool.description && tool.description.length > 100, tool.name)
      assert.equal(tool.inputSchema.additionalProperties, false, tool.name)
      assert.ok(tool.outputSchema, tool.name)
    }
    assert.deepEqual((await client.listTools()).tools, tools)
  })

  test('metrics and top identities come from the tables, with how far these are behind', async () => {
    const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000)
    const sums = { admitted: 3, refused: 1, completed: 2, failed: 1, interrupted: 0, settled: 3 }
    const tokens = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30, bytes: 5 }
    const times = { duration_ms_sum: 300, first_byte_ms_sum: 60, first_byte_count: 3 }
    const row = {
      minute,
      user_id: 'u1',
      key_id: 'k1',
      model: 'm',
      upstream: 'sim',
      ...sums,
      ...tokens,
      ...times,
    }
    await bench.db.insertInto('usage_minutes').values(row).execute()
    const metrics = await callTool(client, 'get_gateway_metrics', { windowMinutes: 5 })
    assert.equal(metrics.isError, false, metrics.text)
    const window = metrics.data.window as Record<string, number>
    assert.deepEqual([window.admitted, window.totalTokens, window.meanDurationMs], [3, 30, 100])
    assert.match(metrics.text, /3 admitted, 1 refused/)
    const top = await callTool(client, 'top_identities')
    assert.deepEqual(
      (top.data.identities as Array<{ identity: string }>).map(each => each.identity),
      ['u1.k1'],
    )

    await bench.publisher.publish(settled({ user: 'u1', key: 'k1' }, 'req_lag00001', 5, Date.now()))
    const at = { projection: 'read-model', version: 1, updated_at: new Date() }
    await bench.db
      .insertInto('projection_checkpoints')
      .values([
        { ...at, stream: STREAMS.requests, sequence: 0 },
        { ...at, stream: STREAMS.tokens, sequence: 0, event_time: new Date(Date.now() - 3_000) },
      ])
      .execute()
    const behind = (await callTool(client, 'get_gateway_metrics')).data.asOf as Record<string, number>
    assert.equal(behind.behindEvents, 1)
    assert.ok(behind.lagMs! >= 3_000 && behind.lagMs! < 60_000)
  })

  test('incidents are listed by page, and one is told in full', async () => {
    const now = Date.now()
    await bench.db
      .insertInto('incidents')
      .values([1, 2, 3].map(n => incidentRow(n, now + n)))
      .execute()
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await callTool(client, 'get_security_incidents', { limit: 2, ...(cursor && { cursor }) })
      seen.push(...(page.data.incidents as Array<{ id: string }>).map(({ id }) => id))
      cursor = page.data.nextCursor as string | undefined
    } while (cursor)
    assert.deepEqual(seen, ['inc_00000003', 'inc_00000002', 'inc_00000001'])
    const open = await callTool(client, 'get_security_incidents', { state: 'opened' })
    assert.equal((open.data.incidents as unknown[]).length, 1)

    const one = await callTool(client, 'get_incident', { incident: 'inc_00000001' })
    const incident = one.data.incident as Record<string, unknown>
    assert.deepEqual(incident.evidence, [{ stream: 'TOKENS', sequence: 3 }])
    assert.deepEqual(one.data.throttle, { state: 'none' })
    assert.match(one.text, /tokens 812/)
    const none = await callTool(client, 'get_incident', { incident: 'inc_99999999' })
    assert.ok(none.isError)
    assert.match(none.text, /no incident inc_99999999.*get_security_incidents/)
  })

  test('a pardon lifts the throttle at once and its fact is in the log', async () => {
    await box.put('u2.k2', throttle(Date.now() + 60_000))
    const listed = await callTool(client, 'list_throttles', { identity: 'u2.k2' })
    assert.equal((listed.data.throttles as unknown[]).length, 1, listed.text)

    const dry = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'look', dryRun: true })
    assert.equal(dry.data.pardoned, false)
    assert.ok(await box.get('u2.k2'))

    const done = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'a test of ours' })
    assert.equal(done.data.pardoned, true, done.text)
    assert.equal(await box.get('u2.k2'), undefined)
    const [fact] = (await facts(STREAMS.throttles)).map(({ event }) => event)
    assert.equal(fact?.type, 'fluxgate.throttles.pardoned')
    const data = fact?.data as Record<string, unknown>
    assert.deepEqual(
      [data.user, data.key, data.actor, data.reason],
      ['u2', 'k2', 'mcp:operator', 'a test of ours'],
    )

    const again = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'again' })
    assert.ok(again.isError)
    assert.match(again.text, /not throttled.*list_throttles/)
  })

  test('a throttle is put, told as a fact, and replaces the one before', async () => {
    const order = { identity: 'u3.k3', capacity: 5, refillRate: 1, seconds: 60, reason: 'floods us' }
    const dry = await callTool(client, 'throttle_identity', { ...order, dryRun: true })
    assert.deepEqual([dry.data.throttled, await box.get('u3.k3')], [false, undefined])
    const first = await callTool(client, 'throttle_identity', order)
    assert.deepEqual([first.data.throttled, first.data.replaced, first.data.hasTraffic], [true, null, false])
    assert.match(first.text, /see that the id is right/)
    const second = await callTool(client, 'throttle_identity', { ...order, capacity: 7 })
    assert.equal((second.data.replaced as Throttle).capacity, 5)
    const { value } = (await box.get('u3.k3'))!
    assert.deepEqual([value.capacity, value.actor, value.rule], [7, 'mcp:operator', 'manual'])
    assert.ok(value.until - value.imposedAt === 60_000)
    const imposed = (await facts(STREAMS.throttles)).filter(({ event }) => event.type.endsWith('imposed'))
    assert.equal(imposed.length, 2)
  })

  test('the list of throttles pages through the bucket, and leaves out what has ended', async () => {
    const now = Date.now()
    for (let n = 0; n < 5; n++) await box.put(`page.k${n}`, { ...throttle(now + 60_000), imposedAt: now + n })
    await box.put('page.ended', throttle(now - 1))
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await callTool(client, 'list_throttles', { limit: 2, ...(cursor && { cursor }) })
      seen.push(...(page.data.throttles as Array<{ identity: string }>).map(({ identity }) => identity))
      cursor = page.data.nextCursor as string | undefined
    } while (cursor)
    assert.deepEqual(
      seen.filter(identity => identity.startsWith('page.')),
      ['page.k4', 'page.k3', 'page.k2', 'page.k1', 'page.k0'],
    )
    const bad = await callTool(client, 'list_throttles', { cursor: 'nonsense' })
    assert.ok(bad.isError && /cursor/.test(bad.text))
  })

  test('the state of the guard: policy, box, drift and one identity against the threshold', async () => {
    const policy = new Bucket(bench.link, BUCKETS.policy, jsonParser(GuardPolicy))
    const empty = await callTool(client, 'debug_guard_state')
    assert.deepEqual(
      [empty.data.guard, (empty.data.policy as { source: string }).source],
      [null, 'environment'],
    )
    await policy.put('guard', POLICY)
    const stop = new AbortController()
    const asked = {
      name: 'guard',
      holder: 'guard-of-the-tests',
      readState: () => ({ sequence: 1, storedAtMs: 0 }),
    }
    await using lease = await acquireLease(bench.link, asked, stop.signal)
    await lease?.store({ sequence: 1, storedAtMs: 0 })
    await box.put('flood.k1', throttle(Date.now() + 60_000))
    const now = Date.now()
    // 1,000 tokens within two seconds, and 400 long before: the worst window holds the 1,000 alone.
    for (const [total, ago] of [
      [400, 20_000],
      [400, 5_000],
      [600, 4_000],
    ] as const) {
      await bench.publisher.publish(settled({ user: 'flood', key: 'k1' }, `req_${ulid()}`, total, now - ago))
    }
    const state = await callTool(client, 'debug_guard_state', { identity: 'flood.k1' })
    const one = state.data.identity as Record<string, unknown>
    assert.deepEqual([one.tokens, one.events, one.overThreshold], [1_400, 3, true], state.text)
    assert.deepEqual((one.peak as Record<string, unknown>).tokens, 1_000)
    assert.equal((one.throttle as Throttle).rule, 'context_flood')
    assert.ok((state.data.drift as { onlyInBucket: string[] }).onlyInBucket.includes('flood.k1'))
    assert.deepEqual((state.data.policy as { contextFlood: unknown }).contextFlood, POLICY.rules.contextFlood)
    const guard = state.data.guard as Record<string, unknown>
    assert.deepEqual([guard.holder, guard.leads, guard.sequence], ['guard-of-the-tests', true, 1])
    assert.ok((guard.behindEvents as number) >= 3)
    assert.match(state.text, /Guard "guard-of-the-tests" leads/)
  })

  test('a request is traced from the log alone, and with its row', async () => {
    const identity = { user: 'u5', key: 'k5' }
    const startMs = Date.now() - 1_000
    const request = `req_${ulid(startMs)}`
    const ending = {
      request,
      ...identity,
      model: 'm',
      upstream: 'sim',
      status: 200,
      durationMs: 40,
      bytes: 9,
    }
    const other = `req_${ulid(startMs)}`
    await bench.publisher.publish(make(RequestAdmitted, admittedData(identity, request), { timeMs: startMs }))
    await bench.publisher.publish(make(RequestAdmitted, admittedData(identity, other), { timeMs: startMs }))
    await bench.publisher.publish(settled(identity, request, 33, startMs + 40))
    await bench.publisher.publish(make(RequestCompleted, ending, { timeMs: startMs + 40 }))

    const trace = await callTool(client, 'trace_request', { request })
    const steps = trace.data.steps as Array<{ fact: string; sinceStartMs: number; data: { request: string } }>
    assert.deepEqual(
      steps.map(({ fact, sinceStartMs }) => [fact, sinceStartMs]),
      [
        ['requests.admitted', 0],
        ['requests.completed', 40],
        ['tokens.settled', 40],
      ],
      trace.text,
    )
    assert.deepEqual([trace.data.row, trace.data.cut], [null, false])

    const row = { request_id: request, user_id: 'u5', key_id: 'k5', state: 'completed' as const }
    await bench.db
      .insertInto('requests')
      .values({ ...row, at: new Date(startMs), total_tokens: 33 })
      .execute()
    const whole = await callTool(client, 'trace_request', { request })
    assert.equal((whole.data.row as { totalTokens: number }).totalTokens, 33)
    assert.equal((whole.data.steps as unknown[]).length, 3)
    const unknown = await callTool(client, 'trace_request', { request: 'req_nothing_of_ours' })
    assert.ok(unknown.isError && /id does not tell its time/.test(unknown.text))
    const gone = await callTool(client, 'trace_request', { request: `req_${ulid()}` })
    assert.ok(gone.isError && /Nothing in the log/.test(gone.text))
  })

  test('the health of the log shows positions, lag and warnings', async () => {
    const health = await callTool(client, 'stream_health')
    const streams = health.data.streams as Array<{ stream: string; behindEvents: number | null }>
    assert.deepEqual(
      streams.map(({ stream }) => stream),
      [...Object.values(STREAMS), 'DEADLETTER'],
    )
    assert.ok(streams.find(({ stream }) => stream === STREAMS.tokens)!.behindEvents! > 0)
    assert.ok((health.data.warnings as string[]).some(text => /THROTTLES is not projected/.test(text)))
  })

  test('arguments that are wrong come back as errors a model can read', async () => {
    for (const [name, args, reason] of [
      ['pardon_identity', { identity: 'nobody', reason: 'because' }, /<user id>\.<key id>/],
      ['pardon_identity', { identity: 'u.k' }, /reason/],
      ['throttle_identity', { identity: 'u.k', capacity: -1 }, /capacity/],
      ['get_gateway_metrics', { windowMinutes: 0 }, /windowMinutes/],
      ['get_gateway_metrics', { secret: true }, /secret/],
      ['get_incident', { incident: "'; drop table incidents" }, /inc_/],
      ['get_security_incidents', { cursor: 'nonsense' }, /cursor/],
    ] as const) {
      const answer = await callTool(client, name, args)
      assert.ok(answer.isError, name)
      assert.match(answer.text, reason)
    }
    await assert.rejects(callTool(client, 'no_such_tool', {}), { code: -32602, message: /no_such_tool/ })
  })

  test('without Postgres the live tools answer, the others say why not, and /ready tells', async () => {
    await bench.postgres.stop('SIGKILL')
    const metrics = await callTool(client, 'get_gateway_metrics')
    assert.ok(metrics.isError)
    assert.match(metrics.text, /read model \(Postgres\) does not answer.*list_throttles/)
    assert.equal((await callTool(client, 'list_throttles')).isError, false)
    const state = await callTool(client, 'debug_guard_state')
    assert.deepEqual([state.isError, state.data.drift], [false, null])
    const ready = new URL('/ready', bench.url)
    await eventually(async () => assert.equal((await fetch(ready)).status, 503))
    await bench.postgres.start()
    await eventually(async () => assert.equal((await fetch(ready)).status, 200))
    assert.equal((await callTool(client, 'get_gateway_metrics')).isError, false)
  })

  test('without NATS an order is refused and nothing is changed', async () => {
    await bench.nats.stop()
    await eventually(async () => {
      assert.equal((await fetch(new URL('/ready', bench.url))).status, 503)
    })
    const answer = await callTool(client, 'throttle_identity', {
      ...{ identity: 'u9.k9', capacity: 1, refillRate: 1, seconds: 60, reason: 'while it is away' },
    })
    assert.ok(answer.isError)
    assert.match(answer.text, /cannot be reached just now/)
    const metrics = await callTool(client, 'get_gateway_metrics')
    assert.deepEqual(
      [metrics.isError, (metrics.data.asOf as { behindEvents: null }).behindEvents],
      [false, null],
    )
    await bench.nats.start()
    await eventually(async () => assert.equal((await fetch(new URL('/ready', bench.url))).status, 200))
    await eventually(() => bench.link.isConnected())
    assert.equal(await box.get('u9.k9'), undefined)
  })

  test('the token is not in what anybody is told', async () => {
    const health = await callTool(client, 'stream_health')
    assert.ok(!JSON.stringify(health).includes(TOKEN))
  })
})
