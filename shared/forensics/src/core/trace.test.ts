import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredEvent } from '@fluxgate/contracts'
import { mergeByTime } from './merge.ts'
import { Seen } from './seen.ts'
import { SequenceGaps } from './sequence-gaps.ts'
import { StreamHoles } from './stream-holes.ts'
import { isWhole, missingOf, stepsOf } from './trace.ts'
import { timeOfId } from './ulid-time.ts'

function entry(type: string, atMs: number, data: object = {}): StoredEvent {
  const time = new Date(atMs).toISOString()
  const event = { id: `id-${type}-${atMs}`, type: `fluxgate.${type}`, subject: 'u.k', time, data }
  const place = { stream: 'S', sequence: 1, storedAtMs: atMs, subject: 'x' }
  return { ...place, event: event as unknown as StoredEvent['event'] }
}

describe('a trace', () => {
  const admitted = entry('requests.admitted', 10)
  const completed = entry('requests.completed', 50)
  const settled = entry('tokens.settled', 50)

  test('is in the order of time and cause, and says what is missing', () => {
    const steps = stepsOf([settled, completed, admitted])
    assert.deepEqual(
      steps.map(({ event, sinceStartMs, sinceLastMs }) => [event.type.slice(9), sinceStartMs, sinceLastMs]),
      [
        ['requests.admitted', 0, 0],
        ['requests.completed', 40, 40],
        ['tokens.settled', 40, 0],
      ],
    )
    assert.deepEqual(missingOf([admitted]), ['ending', 'settlement'])
    assert.deepEqual(missingOf([settled, completed]), ['admission'])
    assert.deepEqual([isWhole([admitted, completed]), isWhole([admitted, completed, settled])], [false, true])
  })

  test('of a refusal is whole with it, or with the rejected key before it', () => {
    assert.ok(isWhole([entry('requests.refused', 0, { reason: 'throttled' })]))
    const unknown = entry('requests.refused', 0, { reason: 'unauthenticated' })
    assert.ok(!isWhole([unknown]))
    assert.ok(isWhole([unknown, entry('auth.key_rejected', 0)]))
  })
})

test('a ULID tells its time, in any case', () => {
  assert.equal(timeOfId('req_01ARYZ6S41TSV4RRFFQ69G5FAV'), 1_469_918_176_385)
  assert.equal(timeOfId('01aryz6s41tsv4rrffq69g5fav'), 1_469_918_176_385)
  assert.equal(timeOfId('imposed-inc_12345678'), undefined)
})

async function* inBatches(times: readonly number[], size: number): AsyncGenerator<StoredEvent[]> {
  for (let at = 0; at < times.length; at += size)
    yield times.slice(at, at + size).map(time => entry('x.y', time))
}

test('streams are merged in the order in which they were stored, however they are batched', async () => {
  const times = [[1, 4, 9], [], [2, 3, 4, 10], [4, 5]]
  for (const size of [1, 2, 5]) {
    const merged: number[] = []
    for await (const entries of mergeByTime(times.map(each => inBatches(each, size)))) {
      merged.push(...entries.map(({ storedAtMs }) => storedAtMs))
    }
    assert.deepEqual(merged, [1, 2, 3, 4, 4, 4, 5, 9, 10])
  }
})

test('what was seen is forgotten when twice as much has come', () => {
  const seen = new Seen(3)
  assert.ok(seen.isNew('a') && !seen.isNew('a'))
  for (const text of ['b', 'c', 'd', 'e', 'f']) assert.ok(seen.isNew(text))
  assert.ok(seen.has('a'))
  seen.add('g')
  assert.ok(!seen.has('a') && seen.has('d') && seen.has('g'))
})

describe('gaps', () => {
  const SOURCE = '/gateway/gw-1/01aryz6s41tsv4rrffq69g5fav'
  const BOOT_MS = 1_469_918_176_385
  const gapsOf = (numbers: readonly number[], fromMs = BOOT_MS + 1, source = SOURCE) => {
    const gaps = new SequenceGaps()
    for (const number of numbers) gaps.add(source, number)
    return gaps.list(fromMs).map(({ first, last }) => [first, last])
  }

  test('are numbers that a gateway gave and no stream holds, in whatever order they come', () => {
    assert.deepEqual(gapsOf([1, 2, 3, 4]), [])
    assert.deepEqual(gapsOf([4, 2, 1, 3]), [])
    assert.deepEqual(gapsOf([1, 10, 5, 6, 3]), [
      [2, 2],
      [4, 4],
      [7, 9],
    ])
    assert.deepEqual(gapsOf([7, 3, 5, 4]), [[6, 6]])
    assert.deepEqual(gapsOf([1, 3, 3, 1]), [[2, 2]])
  })

  test('before the first number count for a gateway that has begun in the range, and not for services', () => {
    assert.deepEqual(gapsOf([3, 4]), [])
    assert.deepEqual(gapsOf([3, 4], BOOT_MS), [[1, 2]])
    assert.deepEqual(gapsOf([1, 5], BOOT_MS, '/guard/01aryz6s41tsv4rrffq69g5fav'), [])
  })

  test('in a stream are messages that were deleted from its middle', () => {
    const holes = new StreamHoles()
    for (const sequence of [5, 6, 8, 9, 12]) holes.add('TOKENS', sequence)
    for (const sequence of [1, 2]) holes.add('AUTH', sequence)
    assert.deepEqual(
      holes.offenders.map(({ detail, places }) => [
        detail.slice(0, 28),
        places.map(({ sequence }) => sequence),
      ]),
      [
        ['TOKENS does not hold 7: dele', [7]],
        ['TOKENS does not hold 10 to 1', [10, 11]],
      ],
    )
  })
})
