import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  BUCKETS,
  GUARD_LEASE,
  GuardPolicy,
  jsonParser,
  type LeaseRecord,
  readLease,
  STREAMS,
  Throttle,
  ThrottlePardoned,
} from '@fluxgate/contracts'
import { Bucket } from '@fluxgate/nats'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ulid } from 'ulid'
import { callTool, make, settled, startBench, type TestBench, TOKEN } from '../../test-bench.ts'

const POLICY: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 60_000,
}

describe('tools about guard and log', () => {
  let bench: TestBench
  let client: Client
  let box: Bucket<Throttle>
  before(async () => {
    bench = await startBench()
    client = await bench.client()
    box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
  })
  after(() => bench[Symbol.asyncDispose]())

  const throttle = (until: number): Throttle => ({
    capacity: 100,
    refillRate: 10,
    imposedAt: Date.now(),
    until,
    reason: 'too many tokens',
    rule: 'context_flood',
    actor: 'guard',
  })

  test('the state of the guard: policy, box, drift and one identity against the threshold', async () => {
    const policy = new Bucket(bench.link, BUCKETS.policy, jsonParser(GuardPolicy))
    const empty = await callTool(client, 'debug_guard_state')
    assert.deepEqual(
      [empty.data.guard, (empty.data.policy as { source: string }).source],
      [null, 'environment'],
    )
    await policy.put('guard', POLICY)
    const leases = new Bucket<LeaseRecord>(bench.link, BUCKETS.leases, bytes => ({
      ok: true,
      value: readLease(bytes),
    }))
    const progress = { [STREAMS.tokens]: { sequence: 1, storedAtMs: 0 } }
    await leases.put(GUARD_LEASE, { holder: 'guard-of-the-tests', term: 1, state: progress })
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
    const { rules } = state.data.policy as { rules: Record<string, { threshold?: number }> }
    assert.equal(rules.requestFlood?.threshold, 1_500, 'defaults are told too')
    assert.deepEqual((state.data.policy as { contextFlood: unknown }).contextFlood, POLICY.rules.contextFlood)
    const guard = state.data.guard as Record<string, unknown>
    assert.deepEqual([guard.holder, guard.leads, guard.sequence], ['guard-of-the-tests', true, 1])
    assert.ok((guard.behindEvents as number) >= 2)
    assert.match(state.text, /Guard "guard-of-the-tests" leads/)
  })

  test('the health of the log shows positions, lag and warnings', async () => {
    await bench.publisher.publish(make(ThrottlePardoned, { user: 'u', key: 'k', actor: 'test', reason: 'x' }))
    await bench.db
      .insertInto('projection_checkpoints')
      .values({
        projection: 'read-model',
        version: 1,
        updated_at: new Date(),
        stream: STREAMS.tokens,
        sequence: 0,
      })
      .execute()
    const health = await callTool(client, 'stream_health')
    const streams = health.data.streams as Array<{ stream: string; behindEvents: number | null }>
    assert.deepEqual(
      streams.map(({ stream }) => stream),
      [...Object.values(STREAMS), 'DEADLETTER'],
    )
    assert.ok(streams.find(({ stream }) => stream === STREAMS.tokens)!.behindEvents! > 0)
    assert.ok((health.data.warnings as string[]).some(text => /THROTTLES is not projected/.test(text)))
  })

  test('the token is in no answer', async () => {
    const health = await callTool(client, 'stream_health')
    assert.ok(!JSON.stringify(health).includes(TOKEN))
  })
})
