import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { skippingListener } from './skipping-listener.ts'

const eventOf = (id: string) => ({ id, type: 'fluxgate.requests.refused' }) as FluxgateEvent

describe('live feed', () => {
  it('skips, counts and logs an event whose handling throws, and folds its neighbours', () => {
    const folded: string[] = []
    const errors: string[] = []
    const listener = skippingListener(
      {
        rewind() {},
        event({ id }) {
          if (id.endsWith('2')) throw new Error('thrown by the board')
          folded.push(id)
        },
        tick() {
          throw new Error('thrown by the tick')
        },
        feed() {},
      },
      { error: (_fields: object, message: string) => errors.push(message) } as never,
    )
    const ids = ['event-000000000001', 'event-000000000002', 'event-000000000003']
    for (const id of ids) listener.event(eventOf(id), 0)
    listener.tick(0)
    assert.deepEqual(folded, [ids[0], ids[2]])
    assert.equal(listener.skipped, 1)
    assert.equal(errors.length, 2)
    assert.ok(errors[0]?.includes(ids[1]!))
  })
})
