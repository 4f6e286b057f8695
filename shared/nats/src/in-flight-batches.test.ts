import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BacklogSegment, EncodedEvent, PendingEvent } from './backlog.ts'
import { Frames } from './frames.ts'
import { type InFlightBatch, InFlightBatches } from './in-flight-batches.ts'

const segment: BacklogSegment = { path: 'one' }
const next: BacklogSegment = { path: 'two' }
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const numberOf = (event: EncodedEvent) => Number(event.payload.toString())

function pending(number: number): PendingEvent {
  return {
    id: `event-${number}`,
    subject: 'fluxgate.tokens.00.settled.u.k',
    payload: Buffer.from(String(number)),
    stored: undefined,
    writtenAtMs: 0,
    sentAtMs: 0,
    firstSentAtMs: 0,
    retryAtMs: 0,
    wasStored: false,
    segment: undefined,
    position: 0,
    commit: undefined,
    batch: undefined,
  }
}

function send(batches: InFlightBatches, events: readonly PendingEvent[]): InFlightBatch {
  const frames = new Frames('_INBOX.a')
  const batch = batches.begin(5)
  for (const [token, event] of events.entries()) {
    batches.add(batch, event)
    frames.add(event, token)
  }
  batch.frames = frames.take()
  return batch
}

const pendingAt = (from: number, to: number, on: BacklogSegment): PendingEvent[] =>
  range(from, to).map(number => ({ ...pending(number), segment: on, position: number }))
const acknowledge = (batches: InFlightBatches, event: PendingEvent, nowMs: number) =>
  batches.acknowledged(event, event.batch!, event.segment!, nowMs)

describe('in-flight batches', () => {
  it('keep what was acknowledged until its time, by segment', () => {
    const batches = new InFlightBatches()
    const events = [...pendingAt(10, 13, segment), ...pendingAt(0, 2, next)]
    send(batches, events)
    for (const event of events.slice(0, 4)) acknowledge(batches, event, 100)
    const portions = [
      { segment, position: 10, events: 3 },
      { segment: next, position: 0, events: 1 },
    ]
    assert.deepEqual([...batches.portions()], portions)
    assert.deepEqual([...batches.takeExpired(1_000)], [], 'one is still waited for')
    acknowledge(batches, events[4]!, 200)
    assert.deepEqual([...batches.takeExpired(199)], [])
    assert.deepEqual([...batches.takeExpired(200)], [portions[0], { segment: next, position: 0, events: 2 }])
    assert.deepEqual([...batches.portions()], [])
  })

  it('give back exactly what was acknowledged, as it was, and as old as it was', () => {
    const batches = new InFlightBatches()
    const events = pendingAt(0, 6, segment)
    send(batches, events)
    for (const number of [0, 1, 3]) acknowledge(batches, events[number]!, 100)
    // Sent again in another write, and acknowledged there.
    send(batches, [events[2]!])
    acknowledge(batches, events[2]!, 150)
    // In memory alone: nobody keeps it.
    batches.leave(events[4]!)
    const again = batches.takeAll([events[5]!])
    assert.deepEqual(again.map(numberOf).sort(), [0, 1, 2, 3])
    for (const event of again) {
      const { id, subject, payload } = events[numberOf(event)]!
      assert.deepEqual([event.id, event.subject, event.payload], [id, subject, payload])
      assert.equal(event.segment, segment)
      assert.equal(event.firstSentAtMs, 5)
      assert.ok(event.wasStored)
    }
    assert.deepEqual([...batches.portions()], [])
    assert.deepEqual(batches.takeAll([events[5]!]), [], 'once')
  })
})
