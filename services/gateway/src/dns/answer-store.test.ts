import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as packet from 'dns-packet'
import { readAnswer } from './answer.ts'
import { AnswerStore, type Outcome } from './answer-store.ts'
import { BoundedCache } from './cache.ts'
import { DNS_LIMITS } from './limits.ts'
import { type DnsQuery, readQuery } from './query.ts'

const SOA = { mname: 'ns.test', rname: 'admin.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 60 }

function query(name: string, type: packet.RecordType = 'A'): DnsQuery {
  const read = readQuery(packet.encode({ type: 'query', questions: [{ type, name }] }))
  assert.ok('forward' in read)
  return read
}

function outcome(asked: DnsQuery, made: packet.Packet): Outcome {
  const { questions } = packet.decode(asked.forward)
  const answer = readAnswer(
    packet.encode({ type: 'response', ...made, questions: questions ?? [] }),
    asked.forward,
    0,
  )
  assert.ok(!('fault' in answer))
  return { answer }
}

function positive(asked: DnsQuery, ttl: number): Outcome {
  return outcome(asked, { answers: [{ type: 'A', name: 'a.test', ttl, data: '192.0.2.1' }] })
}

const absent = (asked: DnsQuery) =>
  outcome(asked, { flags: 3, authorities: [{ type: 'SOA', name: 'test', ttl: 99_999, data: SOA }] })

describe('the answer store', () => {
  const a = query('a.test')

  it('caps how long an answer stays, whatever its TTL', () => {
    const store = new AnswerStore(DNS_LIMITS)
    store.store(a, positive(a, 2 ** 31 - 1), 0)
    const found = store.find(a, 604_799_000)
    assert.ok(found && 'answer' in found && !found.isStale)
    assert.equal(store.find(a, 604_800_000), undefined)
  })

  it('forgets an NXDOMAIN when the name appears, for all types', () => {
    const store = new AnswerStore(DNS_LIMITS)
    const mx = query('a.test', 'MX')
    store.store(mx, absent(mx), 0)
    assert.ok(store.find(a, 1) !== undefined)
    store.store(a, positive(a, 100), 2)
    assert.equal(store.find(mx, 3), undefined)
    const found = store.find(a, 3)
    assert.ok(found && 'answer' in found && found.answer.rcode === 0)
  })

  it('tells a question of type 0 from the entry of a name', () => {
    const store = new AnswerStore(DNS_LIMITS)
    const odd = Buffer.from(a.forward)
    odd.writeUInt16BE(0, odd.length - 4)
    const zero = readQuery(odd)
    assert.ok('forward' in zero)
    store.store(zero, outcome(zero, { authorities: [{ type: 'SOA', name: 'test', ttl: 60, data: SOA }] }), 0)
    assert.equal(store.find(a, 1), undefined)
  })

  it('remembers failures longer each time, up to a bound, and a lost network only for a second', () => {
    const store = new AnswerStore(DNS_LIMITS)
    const failing = outcome(a, { flags: 2 })
    let nowMs = 0
    const lasting: number[] = []
    for (let i = 0; i < 8; i++) {
      store.store(a, failing, nowMs)
      const since = nowMs
      while (store.find(a, nowMs) !== undefined) nowMs += 500
      lasting.push(nowMs - since)
    }
    assert.deepEqual(lasting, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    store.store(a, { failure: 'unreachable' }, nowMs)
    assert.deepEqual(store.find(a, nowMs + 1_000), undefined)
  })

  it('keeps within its bounds: the least recently used goes first', () => {
    const cache = new BoundedCache<{ keepUntilMs: number; byteCount: number }>({
      cacheEntries: 3,
      cacheBytes: 100,
    })
    const value = (byteCount: number) => ({ keepUntilMs: 10, byteCount })
    for (const key of ['one', 'two', 'three']) cache.put(key, value(10))
    cache.find('one', 0)
    cache.put('four', value(10))
    assert.equal(cache.find('two', 0), undefined)
    assert.ok(cache.find('one', 0))
    cache.put('large', value(75))
    assert.deepEqual([cache.size, cache.bytes], [3, 95])
    cache.put('larger', value(101))
    assert.deepEqual([cache.size, cache.bytes], [0, 0])
    cache.put('brief', value(1))
    assert.equal(cache.find('brief', 10), undefined)
    assert.equal(cache.size, 0)
  })
})
