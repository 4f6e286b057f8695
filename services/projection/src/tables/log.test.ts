import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admitted, entryOf, T } from '../../test/events.ts'
import { requestId } from '../../test/workload.ts'
import { Progress } from '../follow/progress.ts'
import { halves, sliceAfter, timeOf } from './log.ts'
import { dayOf, dayOfRequest, dayText } from './request-days.ts'
import { cleanJson, cleanName, cleanText } from './text.ts'

test('text and times that Postgres would refuse are mended, not lost', () => {
  assert.equal(cleanText('a\0b\ud800c'), 'a\ufffdb\ufffdc')
  assert.equal(cleanName('x'.repeat(300)).length, 256)
  assert.equal(
    cleanJson({ 'a\0': ['\0', { b: '\udc00' }, 1.5, null] }),
    '{"a\ufffd":["\ufffd",{"b":"\ufffd"},1.5,null]}',
  )
  const entry = entryOf(admitted)
  const broken = { ...entry, event: { ...entry.event, time: '2026-99-99T99:99:99Z' } }
  assert.equal(timeOf(broken), entry.storedAtMs)
})

test('slices are cut behind a position and in halves', () => {
  const entries = [3, 5, 6, 9].map(sequence => ({ ...entryOf(admitted), sequence }))
  const slice = { stream: 'REQUESTS', after: 2, last: 10, lastStoredAtMs: T, entries }
  assert.deepEqual(sliceAfter(slice, 2), slice)
  assert.deepEqual(sliceAfter(slice, 5), { ...slice, after: 5, entries: entries.slice(2) })
  assert.deepEqual(sliceAfter(slice, 99), { ...slice, after: 10, entries: [] })
  const [one, two] = halves(slice)!
  assert.deepEqual([one.after, one.last, two.after, two.last], [2, 5, 5, 10])
  assert.deepEqual([...one.entries, ...two.entries], entries)
})

test('a slice is cut between messages alone, so that no event of a batch is passed over', () => {
  const of = (...sequences: number[]) => ({
    stream: 'REQUESTS',
    after: 2,
    last: 9,
    lastStoredAtMs: T,
    entries: sequences.map((sequence, index) => ({ ...entryOf(admitted), sequence, index })),
  })
  const cuts = (...sequences: number[]) => halves(of(...sequences))?.map(part => part.entries.length)
  assert.deepEqual(cuts(3, 3, 3, 4), [3, 1])
  assert.deepEqual(cuts(3, 4, 4, 4), [1, 3])
  assert.deepEqual(cuts(3, 3, 4, 4), [2, 2])
  assert.equal(cuts(3, 3, 3), undefined)
  assert.equal(cuts(3), undefined)
  const [first, second] = halves(of(3, 3, 3, 4))!
  assert.deepEqual([first.last, second.after], [3, 3])
})

test('progress knows the lag, what was dropped, and when to halt', () => {
  const progress = new Progress()
  progress.begin(new Map([['REQUESTS', { sequence: 40, eventTimeMs: T - 5_000, created: null }]]))
  const head = { firstSequence: 1, lastSequence: 50, created: 'first' }
  assert.equal(progress.saw('REQUESTS', head, 40, T), undefined)
  assert.deepEqual(progress.lag('REQUESTS', T), { messages: 10, seconds: 5 })
  progress.applied('REQUESTS', 50, T - 1_000)
  assert.deepEqual(progress.lag('REQUESTS', T), { messages: 0, seconds: 0 })
  progress.saw('REQUESTS', { ...head, firstSequence: 61, lastSequence: 70 }, 50, T)
  assert.equal(progress.missing('REQUESTS'), 10)
  // A commit between asking and hearing is no reason to halt.
  progress.applied('REQUESTS', 70, T)
  assert.equal(progress.saw('REQUESTS', { ...head, lastSequence: 60 }, 55, T), undefined)
  assert.match(
    progress.saw('REQUESTS', { ...head, lastSequence: 60 }, 70, T) ?? '',
    /ends at 60, before the checkpoint 70/,
  )
  assert.equal(progress.halted.size, 1)
  assert.match(
    progress.saw('REQUESTS', { ...head, lastSequence: 90, created: 'second' }, 70, T) ?? '',
    /made anew/,
  )
})

test('the ULID in a request’s id tells its day', () => {
  const midnight = Date.UTC(2026, 10, 23)
  assert.equal(dayText(dayOfRequest(requestId(midnight, 7))!), '2026-11-23')
  assert.equal(dayText(dayOfRequest(requestId(midnight - 1, 7))!), '2026-11-22')
  assert.equal(dayOfRequest('req_01M82V7M000000000000000000'), dayOf(midnight))
  for (const id of [
    'request_1',
    'req_01m82v7m000000000000000000',
    'req_01M82V7',
    'req_01M82U7M00',
    'rex_01M82V7M00',
  ]) {
    assert.equal(dayOfRequest(id), undefined, id)
  }
})
