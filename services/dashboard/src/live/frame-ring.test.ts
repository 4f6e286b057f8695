import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeFrame, encodeRetry, FrameRing, HEARTBEAT } from './frame-ring.ts'

const T = Date.UTC(2026, 10, 23, 6)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const feed = { connected: true, now: T }

describe('encodeFrame', () => {
  it('writes one data line per event', () => {
    assert.equal(
      text(encodeFrame('incident', { id: 'inc_1', fact: 'line\nbreak', at: T }, 'boot-7')),
      `id: boot-7\nevent: incident\ndata: {"id":"inc_1","fact":"line\\nbreak","at":${T}}\n\n`,
    )
    assert.equal(text(encodeFrame('feed', feed)).split('\n')[0], 'event: feed')
    assert.equal(text(HEARTBEAT), ': alive\n\n')
    assert.equal(text(encodeRetry(1_000)), 'retry: 1000\n\n')
  })
})

describe('FrameRing', () => {
  const limits = { maxAgeMs: 10_000, maxFrames: 100 }
  const numbers = (ring: FrameRing, id: string) => ring.after(id)?.map(frame => frame.number)

  it('returns the frames after an id', () => {
    const ring = new FrameRing('b1', limits)
    for (let i = 0; i < 3; i++) ring.push('feed', feed, T + i)
    assert.equal(ring.lastId, 'b1-3')
    assert.deepEqual(numbers(ring, 'b1-1'), [2, 3])
    assert.deepEqual(numbers(ring, 'b1-3'), [])
    assert.deepEqual(numbers(ring, 'b1-0'), [1, 2, 3])
  })

  it('returns undefined for ids of another process, future ids, invalid ids and dropped frames', () => {
    const ring = new FrameRing('b1', limits)
    for (let i = 0; i < 20; i++) ring.push('feed', feed, T + i * 1_000)
    for (const id of ['b2-19', 'b1-21', 'b1-', '', '19', 'b1--1', 'b1-1e1']) {
      assert.equal(ring.after(id), undefined, id)
    }
    assert.equal(ring.after('b1-3'), undefined)
    assert.deepEqual(numbers(ring, 'b1-18'), [19, 20])
    assert.equal(numbers(ring, 'b1-9')?.length, 11, 'the frame at the edge still follows on')
  })

  it('returns no frames when an empty ring has missed nothing', () => {
    const ring = new FrameRing('b1', limits)
    assert.deepEqual(ring.after('b1-0'), [])
    assert.equal(ring.after('b1-1'), undefined)
  })

  it('is bounded by count', () => {
    const ring = new FrameRing('b1', { ...limits, maxFrames: 5 })
    for (let i = 0; i < 50; i++) ring.push('feed', feed, T)
    assert.equal(ring.after('b1-44'), undefined)
    assert.deepEqual(numbers(ring, 'b1-45'), [46, 47, 48, 49, 50])
  })
})
