import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonParser, Throttle } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { Bucket, RevisionConflict } from './bucket.ts'
import { startBench } from './test-bench.ts'
import { type Watch, watchBucket } from './watch.ts'

const throttle = (until: number): Throttle => ({
  capacity: 100,
  refillRate: 10,
  imposedAt: 1_000,
  until,
  reason: 'test',
  rule: 'manual',
  actor: 'admin',
})
const parse = jsonParser(Throttle)

describe('a watch', () => {
  it('goes on with the other keys when the handling of one throws, in its snapshot and live', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    for (const key of ['a.bad', 'b.good']) await bucket.put(key, throttle(1))
    const seen: string[] = []
    await using watch = await watchBucket(bench.link, bucket, {
      onChange(key) {
        if (key.endsWith('.bad')) throw new Error('thrown by the handler')
        seen.push(key)
      },
    })
    await bucket.put('c.bad', throttle(1))
    await bucket.put('d.good', throttle(1))
    await eventually(() => assert.deepEqual(seen, ['b.good', 'd.good']))
    assert.equal(watch.entries.size, 4)
  })
})

describe('a bucket', () => {
  it('reads, writes, compares and deletes', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    assert.equal(await bucket.get('a.b'), undefined)
    const first = await bucket.update('a.b', throttle(1), 0)
    await assert.rejects(bucket.update('a.b', throttle(2), 0), RevisionConflict)
    const second = await bucket.update('a.b', throttle(2), first)
    assert.deepEqual(await bucket.get('a.b'), { value: throttle(2), revision: second })
    await assert.rejects(bucket.delete('a.b', first), RevisionConflict)
    await bucket.put('c.d', throttle(3))
    await bucket.delete('a.b', second)
    assert.equal(await bucket.get('a.b'), undefined)
    assert.deepEqual([...(await bucket.entries()).keys()], ['c.d'])
  })

  it('forgets deletions that are old, and nothing else', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    const signal = new AbortController().signal
    assert.equal(await bucket.purgeDeleted(Date.now(), 10, signal), 0, 'an empty bucket')
    for (const key of ['a.b', 'c.d', 'e.f', 'g.h']) await bucket.put(key, throttle(1))
    for (const key of ['a.b', 'c.d', 'e.f']) await bucket.delete(key)
    await bucket.put('c.d', throttle(2))
    assert.equal(await bucket.purgeDeleted(Date.now() - 60_000, 10, signal), 0)
    assert.equal(await bucket.purgeDeleted(Date.now() + 1, 1, signal), 1)
    assert.equal(await bucket.purgeDeleted(Date.now() + 1, 10, signal), 1)
    const { changes } = await bucket.snapshot()
    assert.deepEqual(changes.map(({ key }) => key).toSorted(), ['c.d', 'g.h'])
    await bucket.update('a.b', throttle(3), 0)
    assert.deepEqual((await bucket.get('a.b'))?.value, throttle(3), 'as if it had never been')
  })

  it('tells every key and comes to an end while keys are written to', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    const keys = Array.from({ length: 40 }, (_, i) => `user.k${i}`)
    await Promise.all(keys.map(key => bucket.put(key, throttle(1))))
    let isOver = false
    const writing = (async () => {
      for (let i = 0; !isOver; i++) {
        bench.link.connection.publish('$KV.throttles._heartbeat', '{}')
        if (i % 8 === 0) await bucket.put(keys[i % keys.length]!, throttle(2))
        await sleep(2)
      }
    })()
    for (let i = 0; i < 30; i++) {
      const limit = AbortSignal.timeout(30_000)
      const { changes } = await bucket.snapshot(limit)
      assert.ok(!limit.aborted, 'it waits for ever')
      assert.deepEqual(new Set(changes.map(({ key }) => key)), new Set([...keys, '_heartbeat']))
    }
    isOver = true
    await writing
  })

  it('comes to an end when what was last is purged before it is read', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    await bucket.put('a.b', throttle(1))
    await bucket.put('c.d', throttle(1))
    const reading = bucket.snapshot(AbortSignal.timeout(30_000))
    await bench.link.manager.streams.purge(bucket.stream, { filter: '$KV.throttles.c.d' })
    const { changes } = await reading
    assert.ok(changes.some(({ key }) => key === 'a.b'))
    assert.deepEqual((await bucket.snapshot(AbortSignal.timeout(30_000))).changes.length, 1)
  })

  it('treats a value that cannot be read as absent', async () => {
    await using bench = await startBench()
    await bench.link.jetstream.publish('$KV.throttles.a.b', '{"until":"soon"}')
    const bucket = new Bucket(bench.link, 'throttles', parse)
    assert.equal(await bucket.get('a.b'), undefined)
    assert.equal((await bucket.entries()).size, 0)
  })

  it('has an empty snapshot at once', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    const { created, ...snapshot } = await bucket.snapshot()
    assert.deepEqual(snapshot, { changes: [], lastRevision: 0 })
    assert.match(created, /^20/)
  })
})

describe('a watch', () => {
  it('begins with what is there and follows changes', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    await bucket.put('a.b', throttle(1))
    const changes: string[] = []
    await using watch = await watchBucket(bench.link, bucket, {
      onChange: (key, value) => changes.push(`${key}=${value?.until}`),
    })
    assert.deepEqual([...watch.entries], [['a.b', throttle(1)]])
    await bucket.put('c.d', throttle(2))
    await bucket.delete('a.b')
    await eventually(() => assert.deepEqual([...watch.entries.keys()], ['c.d']))
    assert.deepEqual(changes, ['a.b=1', 'c.d=2', 'a.b=undefined'])
  })

  it('sees a change made while it was cut off, and one made by a reconcile', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    await bucket.put('old.key', throttle(1))
    await using watch = await watchBucket(bench.link, bucket, { reconcileMs: 500 })
    await bench.server.stop('SIGKILL')
    await bench.server.start()
    const other = new Bucket(await bench.connect(), 'throttles', parse)
    await other.put('new.key', throttle(2))
    await other.delete('old.key')
    await eventually(() => assert.deepEqual([...watch.entries.keys()], ['new.key']), { timeoutMs: 10_000 })
  })

  it('goes over to a bucket that was made anew, whose revisions are lower', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    for (let i = 0; i < 5; i++) await bucket.put('changed', throttle(1))
    await bucket.put('gone', throttle(1))
    const changes: Array<[string, number | undefined]> = []
    await using watch = await watchBucket(bench.link, bucket, {
      reconcileMs: 200,
      onChange: (key, value) => changes.push([key, value?.until]),
    })
    changes.length = 0
    const { config } = await bench.link.manager.streams.info(bucket.stream)
    await bench.link.manager.streams.delete(bucket.stream)
    await bench.link.manager.streams.add(config)
    await bucket.put('changed', throttle(2))
    await eventually(() => assert.deepEqual([...watch.entries], [['changed', throttle(2)]]))
    await bucket.put('new', throttle(3))
    await bucket.delete('changed')
    await eventually(() => assert.deepEqual([...watch.entries], [['new', throttle(3)]]))
    assert.deepEqual(changes, [
      ['changed', 2],
      ['gone', undefined],
      ['new', 3],
      ['changed', undefined],
    ])
  })

  it('tries a snapshot that fails after a reconnect again within a second, and is silent until it is in', async () => {
    await using bench = await startBench()
    let failsAtMs: number | undefined
    let silentMs = 0
    class Failing extends Bucket<Throttle> {
      override async snapshot(signal?: AbortSignal) {
        if (failsAtMs !== undefined || watched === undefined) return super.snapshot(signal)
        failsAtMs = performance.now()
        // Something is heard, and does not say what was missed.
        bench.link.connection.publish(`fluxgate.live.${this.name}._heartbeat`, '{}')
        await bench.link.connection.flush()
        silentMs = watched.silentMs()
        throw new Error('no answer')
      }
    }
    let watched: Watch<Throttle> | undefined
    // The changes of this bucket are not published again: a snapshot alone tells of them.
    const bucket = new Failing(bench.link, 'addresses', parse)
    let seenAtMs = 0
    await using watch = await watchBucket(bench.link, bucket, {
      reconcileMs: 600_000,
      onChange: () => {
        seenAtMs = performance.now()
      },
    })
    watched = watch
    const other = await bench.connect()
    await bench.server.stop('SIGKILL')
    const cutAtMs = performance.now()
    await bench.server.start()
    await eventually(() => assert.ok(other.isConnected()))
    await new Bucket(other, 'addresses', parse).put('new.key', throttle(2))
    await eventually(() => assert.deepEqual([...watch.entries.keys()], ['new.key']))
    assert.ok(silentMs >= failsAtMs! - cutAtMs, `${silentMs} ms: since the connection was lost`)
    const tookMs = seenAtMs - failsAtMs!
    assert.ok(tookMs < 5_000, `${tookMs} ms after the failure, 30 s without another try`)
    assert.ok(watch.silentMs() < performance.now() - cutAtMs, 'the gap is over')
  })

  it('knows silence by its heartbeat, which one writer writes for all', async () => {
    await using bench = await startBench()
    const bucket = new Bucket(bench.link, 'throttles', parse)
    const options = { heartbeat: true, heartbeatMs: 100 }
    const beganMs = performance.now()
    await using one = await watchBucket(bench.link, bucket, options)
    await using two = await watchBucket(await bench.connect(), bucket, options)
    const written = async () => (await bench.link.manager.streams.info('KV_throttles')).state.last_seq
    await eventually(async () => (await written()) >= 5)
    const beats = await written()
    // Two may write in the same moment.
    const most = 1 + (2 * (performance.now() - beganMs)) / options.heartbeatMs
    assert.ok(beats <= most, `${beats} heartbeats of two watchers, at most ${most}`)
    await eventually(() => one.silentMs() < options.heartbeatMs && two.silentMs() < options.heartbeatMs)
    assert.equal(one.entries.size, 0, 'heartbeats are not entries')
    await bench.server.pause()
    await eventually(() => assert.ok(one.silentMs() > 10 * options.heartbeatMs, 'a paused server is noticed'))
    await bench.server.stop('SIGKILL')
  })
})
