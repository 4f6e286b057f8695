import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { STREAMS } from '@fluxgate/contracts'
import { needsRoom, THROTTLES_STREAM } from './system.nats.ts'

describe('needsRoom', () => {
  it('is true when the throttle bucket or the incidents stream is near its limit', () => {
    assert.equal(needsRoom(THROTTLES_STREAM, 649, 1_000), false)
    assert.equal(needsRoom(THROTTLES_STREAM, 650, 1_000), true)
    assert.equal(needsRoom(STREAMS.incidents, 899, 1_000), false)
    assert.equal(needsRoom(STREAMS.incidents, 900, 1_000), true)
  })

  it('is false when a stream drops its oldest by design or has no limit', () => {
    assert.equal(needsRoom(STREAMS.requests, 1_000, 1_000), false)
    assert.equal(needsRoom(THROTTLES_STREAM, 1_000, 0), false)
  })
})
