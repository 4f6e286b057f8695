import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { IncidentOpened, RequestAdmitted, RequestCompleted, ThrottleImposed } from '@fluxgate/contracts'
import { DEFAULT_POLICY } from '@fluxgate/guard-core'
import { eventually } from '@fluxgate/testing'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ulid } from 'ulid'
import type { ReadProgress } from '../../backends/backends.ts'
import { openLongReads } from '../../backends/long-reads.nats.ts'
import { admittedData, callTool, make, pages, settled, startBench, type TestBench } from '../../test-bench.ts'

interface Update {
  readonly progress: number
  readonly total?: number | undefined
}

describe('tools that read much of the log', () => {
  let bench: TestBench
  let client: Client
  before(async () => {
    bench = await startBench()
    client = await bench.client()
  })
  after(() => bench[Symbol.asyncDispose]())

  function whole(identity: { user: string; key: string }, total: number, atMs: number) {
    const request = `req_${ulid(atMs)}`
    const ending = {
      request,
      ...identity,
      model: 'm',
      upstream: 'sim',
      status: 200,
      durationMs: 40,
      bytes: 9,
    }
    bench.publisher.append(make(RequestAdmitted, admittedData(identity, request), { timeMs: atMs }))
    bench.publisher.append(settled(identity, request, total, atMs + 40))
    bench.publisher.append(make(RequestCompleted, ending, { timeMs: atMs + 40 }))
    return request
  }

  test('a policy is tried on the past: what is new, by identity, page by page', async () => {
    const now = Date.now()
    for (const n of [1, 2, 3]) whole({ user: `flood${n}`, key: 'k' }, 5_000, now)
    await bench.publisher.flush()
    const policy = { rules: { contextFlood: { thresholdTokens: 1_000, burstSeconds: 0 } } }
    const found = await pages(client, 'what_if_policy', { policy, limit: 2 }, 'decisions')
    assert.deepEqual(
      found.map(({ difference, identity, was }) => [difference, identity, was]).sort(),
      ['flood1.k', 'flood2.k', 'flood3.k'].map(identity => ['new', identity, null]),
    )
    const mild = { rules: { contextFlood: { thresholdTokens: 100_000 } } }
    const none = await callTool(client, 'what_if_policy', { policy: mild })
    assert.deepEqual([none.data.decisions, (none.data.counts as { new: number }).new], [[], 0], none.text)
    const off = await callTool(client, 'what_if_policy', {
      policy: { rules: { contextFlood: { enabled: false } } },
    })
    assert.equal((off.data.throttled as { would: number }).would, 0)
  })

  test('the state at a moment is what the log held by then', async () => {
    const limit = {
      capacity: 10,
      refillRate: 1,
      until: Date.now() + 600_000,
      reason: 'x',
      rule: 'r',
      actor: 'guard',
    }
    await bench.publisher.publish(make(ThrottleImposed, { user: 'state', key: 'k', ...limit }))
    await bench.publisher.publish(
      make(IncidentOpened, {
        incident: 'inc_state00001',
        user: 'state',
        key: 'k',
        rule: 'r',
        severity: 'low',
        explanation: 'x',
        numbers: {},
        evidence: [],
        action: 'throttled',
      }),
    )
    const args = { at: new Date().toISOString(), identity: 'state.k' }
    // The moment is told in whole milliseconds, and what was stored within it counts.
    await eventually(async () => {
      const now = await callTool(client, 'state_at', { ...args, at: '0s' })
      assert.deepEqual(now.data.counts, { buckets: 1, throttles: 1, incidents: 1 }, now.text)
      assert.equal((now.data.totals as { settled: number }).settled, 3)
    })
    const before = await callTool(client, 'state_at', { ...args, at: '1h' })
    assert.deepEqual(before.data.counts, { buckets: 0, throttles: 0, incidents: 0 })
  })

  test('the ledger holds, until something is wrong: then each offender is named, page by page', async () => {
    const good = await callTool(client, 'verify_ledger')
    assert.deepEqual([good.data.holds, good.data.offences], [true, 0], good.text)
    assert.deepEqual((good.data.whole as { settled: number }).settled, 3)
    const doubled = [1, 2, 3].map(n => whole({ user: 'twice', key: 'k' }, n, Date.now()))
    await bench.publisher.flush()
    const places: number[] = []
    for (const request of doubled) {
      const { sequence } = await bench.publisher.publish(
        settled({ user: 'twice', key: 'k' }, request, 9, Date.now()),
      )
      places.push(sequence)
    }
    const offenders = await pages(client, 'verify_ledger', { limit: 2 }, 'offenders')
    assert.deepEqual(
      offenders.map(({ offence, identity, request }) => [offence, identity, request]),
      doubled.map(request => ['settled_twice', 'twice.k', request]),
    )
    const last = offenders.map(row => (row.places as Array<{ sequence: number }>).at(-1)?.sequence)
    assert.deepEqual(last, places)
  })

  test('progress comes, others are answered meanwhile, one runs at a time, and cancelling stops the reading', async () => {
    for (let n = 0; n < 20_000; n++) {
      whole({ user: `many${n % 50}`, key: 'k' }, 1, Date.now())
      if (n % 2_000 === 0) await bench.publisher.flush()
    }
    await bench.publisher.flush()
    const updates: Update[] = []
    const call = { name: 'verify_ledger', arguments: {} }
    const first = client.callTool(call, undefined, { onprogress: update => updates.push(update) })
    await eventually(() => assert.ok(updates.length > 0))
    const [second, metrics] = await Promise.all([
      callTool(client, 'state_at', { at: '1h' }),
      callTool(client, 'get_gateway_metrics'),
    ])
    assert.ok(second.isError && /runs already/.test(second.text), second.text)
    assert.equal(metrics.isError, false)
    const { facts } = (await first).structuredContent as { facts: number }
    assert.ok(facts >= 60_000)
    for (const [n, { progress, total }] of updates.entries()) {
      assert.ok(progress > (updates[n - 1]?.progress ?? -1))
      assert.ok((total ?? 0) >= progress)
    }

    const stop = new AbortController()
    const told: Update[] = []
    const cancelled = client.callTool(call, undefined, {
      signal: stop.signal,
      onprogress(update) {
        told.push(update)
        stop.abort()
      },
    })
    await assert.rejects(cancelled, /[Aa]bort/)
    assert.ok((told[0]?.progress ?? 0) < facts / 2, 'cancelled long before its end')
    // Its place is free only when the reading has ended.
    await eventually(async () =>
      assert.equal((await callTool(client, 'state_at', { at: '1h' })).isError, false),
    )
  })

  test('a reading that is taken back reads no further', async () => {
    const limits = { maxLongRangeMs: 86_400_000, maxLongEvents: 1_000_000, requestRetentionMs: 86_400_000 }
    const readings = openLongReads(bench.link, bench.db, limits, Date.now)
    const range = { fromMs: Date.now() - 3_600_000, toMs: Date.now() }
    const policy = DEFAULT_POLICY
    for (const read of [
      (following: ReadProgress) => readings.verify(range, 600_000, following),
      (following: ReadProgress) => readings.stateAt(Date.now(), following),
      (following: ReadProgress) => readings.whatIf(policy, range, following),
    ]) {
      const stop = new AbortController()
      let last = 0
      const reading = read({
        signal: stop.signal,
        onProgress(done) {
          last = done
          // An empty stream is at its end at once.
          if (done > 0) stop.abort()
        },
      })
      await assert.rejects(reading)
      assert.ok(last > 0 && last < 30_000, `${last} of 60,000 events read`)
    }
  })
})

test('a read that goes beyond its limit is ended, and the answer says what to do', async () => {
  await using bench = await startBench({ MCP_LONG_EVENTS: '5' })
  const client = await bench.client()
  for (let n = 0; n < 20; n++) {
    await bench.publisher.publish(settled({ user: 'u', key: 'k' }, `req_limit${n}xxx`, 1, Date.now()))
  }
  for (const name of ['verify_ledger', 'state_at', 'what_if_policy']) {
    const answer = await callTool(
      client,
      name,
      name === 'state_at' ? { at: '0s' } : name === 'what_if_policy' ? { policy: {} } : {},
    )
    assert.ok(answer.isError && /More than 5 events.*shorter range/.test(answer.text), answer.text)
  }
})
