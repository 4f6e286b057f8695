import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { streamWarnings } from './stream-warnings.ts'

describe('streamWarnings', () => {
  const state = (stream: string, change: object = {}) => ({
    stream,
    messages: 5,
    bytes: 10,
    maxBytes: 100,
    discard: 'new',
    firstSequence: 1,
    lastSequence: 5,
    lastAt: 0,
    consumers: 0,
    ...change,
  })
  const lag = (sequence: number, eventAt: number) => ({ stream: 'S', head: null, sequence, eventAt })

  test('reports a stream that is late, full, unread, unprojected or has lost events', () => {
    const warnings = (states: Parameters<typeof streamWarnings>[0], sequence: number, eventAt: number) =>
      streamWarnings(states, new Map([['S', lag(sequence, eventAt)]]), 60_000)
    assert.deepEqual(warnings([state('S')], 5, 0), [])
    assert.deepEqual(warnings([state('S')], 4, 55_000), [], 'a little behind is nothing')
    assert.match(warnings([state('S')], 4, 0)[0]!, /1 events and up to 1 min behind/)
    assert.match(warnings([state('S')], 9, 0)[0]!, /lost events/)
    assert.match(warnings([state('S', { bytes: 95 })], 5, 0)[0]!, /95 % full; then it refuses/)
    assert.match(warnings([state('DEADLETTER')], 5, 0)[0]!, /5 messages could not be read/)
    assert.match(warnings([state('OTHER')], 5, 0)[0]!, /not projected/)
    assert.match(streamWarnings([], undefined, 0)[0]!, /unknown/)
  })
})
