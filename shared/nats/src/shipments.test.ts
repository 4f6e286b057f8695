import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Held } from './backlog.ts'
import { Frames } from './frames.ts'
import { type Shipment, Shipments } from './shipments.ts'
import { newSegment, type Segment } from './spool/segment.ts'
import { held, numberOf, range } from './spool/test-spool.ts'

const home = {
  path: '',
  lonelyCopies: new Map<string, number>(),
  acknowledgedBelow: 0,
  oldest: 0,
  sendLimit: 0,
  sending() {},
}
const segment = newSegment('one', home)
const next = newSegment('two', home)

function send(shipments: Shipments, events: readonly Held[]): Shipment {
  const frames = new Frames('_INBOX.a')
  const shipment = shipments.begin(5)
  for (const [token, event] of events.entries()) {
    shipments.add(shipment, event)
    frames.add(event, token)
  }
  shipment.frames = frames.take()
  return shipment
}

const heldAt = (from: number, to: number, on: Segment): Held[] =>
  range(from, to).map(number => ({ ...held(number), segment: on, position: number }))
const acknowledge = (shipments: Shipments, event: Held, nowMs: number) =>
  shipments.acknowledged(event, event.shipment!, event.segment!, nowMs)

describe('shipments', () => {
  it('keep what was acknowledged until its time, by segment', () => {
    const shipments = new Shipments()
    const events = [...heldAt(10, 13, segment), ...heldAt(0, 2, next)]
    send(shipments, events)
    for (const event of events.slice(0, 4)) acknowledge(shipments, event, 100)
    const portions = [
      { segment, position: 10, events: 3 },
      { segment: next, position: 0, events: 1 },
    ]
    assert.deepEqual([...shipments.portions()], portions)
    assert.deepEqual([...shipments.rested(1_000)], [], 'one is still waited for')
    acknowledge(shipments, events[4]!, 200)
    assert.deepEqual([...shipments.rested(199)], [])
    assert.deepEqual([...shipments.rested(200)], [portions[0], { segment: next, position: 0, events: 2 }])
    assert.deepEqual([...shipments.portions()], [])
  })

  it('give back exactly what was acknowledged, as it was, and as old as it was', () => {
    const shipments = new Shipments()
    const events = heldAt(0, 6, segment)
    send(shipments, events)
    for (const number of [0, 1, 3]) acknowledge(shipments, events[number]!, 100)
    // Sent again in another write, and acknowledged there.
    send(shipments, [events[2]!])
    acknowledge(shipments, events[2]!, 150)
    // In memory alone: nobody keeps it.
    shipments.leave(events[4]!)
    const again = shipments.takeAll([events[5]!])
    assert.deepEqual(again.map(numberOf).sort(), [0, 1, 2, 3])
    for (const event of again) {
      const { id, subject, payload } = events[numberOf(event)]!
      assert.deepEqual([event.id, event.subject, event.payload], [id, subject, payload])
      assert.equal(event.segment, segment)
      assert.equal(event.firstSentAtMs, 5)
      assert.ok(event.wasStored)
    }
    assert.deepEqual([...shipments.portions()], [])
    assert.deepEqual(shipments.takeAll([events[5]!]), [], 'once')
  })
})
