import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NatsLink } from '@fluxgate/nats'
import { startBench } from '@fluxgate/nats/testing'
import { eventually } from '@fluxgate/testing'
import { acquireLease, type Lease } from './lease.nats.ts'

const TTL_MS = 600
const never = new AbortController().signal
const readState = (value: unknown) => (typeof value === 'number' ? value : undefined)

function acquire(link: NatsLink, holder: string, signal = never): Promise<Lease<number> | undefined> {
  return acquireLease(link, { name: 'guard', holder, readState, ttlMs: TTL_MS }, signal)
}

async function acquired(link: NatsLink, holder: string): Promise<Lease<number>> {
  const lease = await acquire(link, holder)
  assert.ok(lease)
  return lease
}

describe('a lease', () => {
  it('has one holder, and passes with its state when it is given back', async () => {
    await using bench = await startBench()
    const first = await acquired(bench.link, 'one')
    assert.equal(first.state, undefined)
    let passed = false
    const waiting = acquired(await bench.connect(), 'two').finally(() => {
      passed = true
    })
    await first.store(41)
    first.storeWithRenewal(42)
    await new Promise(resolve => setTimeout(resolve, 3 * TTL_MS))
    assert.equal(passed, false, 'a renewed lease is not taken')
    assert.equal(first.isHeld(), true)

    await first[Symbol.asyncDispose]()
    const givenAtMs = performance.now()
    await using second = await waiting
    assert.ok(performance.now() - givenAtMs < TTL_MS, 'no waiting for one that was given back')
    assert.equal(first.lost.aborted, true)
    assert.deepEqual({ term: second.term, state: second.state }, { term: 2, state: 42 })
  })

  it('goes to exactly one of many who want it', async () => {
    await using bench = await startBench()
    const stop = new AbortController()
    const wanted = Array.from({ length: 8 }, (_, i) => acquire(bench.link, `holder${i}`, stop.signal))
    const lease = await Promise.race(wanted)
    await new Promise(resolve => setTimeout(resolve, TTL_MS))
    stop.abort()
    const got = (await Promise.all(wanted)).filter(one => one !== undefined)
    assert.deepEqual(got, [lease])
    await lease?.[Symbol.asyncDispose]()
  })

  it('is lost when the server is away for longer than its life, and can be had again with its state', async () => {
    await using bench = await startBench()
    await using lease = await acquired(bench.link, 'one')
    await lease.store(7)
    await bench.server.pause()
    await eventually(() => lease.lost.aborted, { timeoutMs: 2 * TTL_MS })
    assert.equal(lease.isHeld(), false)
    bench.server.resume()
    await using again = await acquired(bench.link, 'one')
    assert.deepEqual({ term: again.term, state: again.state }, { term: 2, state: 7 })
  })

  it('fences a holder whose process stood still: it neither believes nor writes', async () => {
    await using bench = await startBench()
    const paused = await acquired(bench.link, 'paused')
    await paused.store(1)
    const next = acquired(await bench.connect(), 'next')
    // The event loop stands still for longer than the lease lives, as in a SIGSTOP.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TTL_MS * 1.5)
    assert.equal(paused.isHeld(), false, 'known before anything else can run')
    await paused.store(99)
    await using lease = await next
    assert.equal(lease.state, 1)
    await lease.store(2)
    await paused[Symbol.asyncDispose]()
    assert.equal(lease.isHeld(), true)
    await lease.store(3)
    assert.equal(lease.isHeld(), true, 'its revision was not disturbed')
  })

  it('survives a lost answer to its own renewal, and loses to another writer at once', async () => {
    await using bench = await startBench()
    await using lease = await acquired(bench.link, 'one')
    const copy = (holder: string) => JSON.stringify({ holder, term: 1, state: 5 })
    await bench.link.jetstream.publish('$KV.leases.guard', copy('one'))
    await lease.store(6)
    assert.equal(lease.isHeld(), true)
    await bench.link.jetstream.publish('$KV.leases.guard', copy('usurper'))
    await lease.store(7)
    assert.equal(lease.isHeld(), false)
  })

  it('is free when its record is rubbish', async () => {
    await using bench = await startBench()
    await bench.link.jetstream.publish('$KV.leases.guard', 'rubbish')
    await using lease = await acquired(bench.link, 'one')
    assert.equal(lease.state, undefined)
  })
})
