import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { partId, pendingRecord } from './backlog.ts'
import { Composer, type PendingMessage } from './pending-message.ts'

function part(subject: string, batch: string, first: number, events: number) {
  const about = { batch, first, events, source: '/g/1', schemas: '' }
  return pendingRecord({ subject, id: partId(batch, first), payload: '', part: about }, undefined)
}

const alone = (id: string) => pendingRecord({ subject: 'auth', id, payload: '', part: undefined }, undefined)
const idsOf = (messages: readonly (PendingMessage | undefined)[]) =>
  messages.flatMap(message => (message ? [[message.id, message.events]] : []))

describe('the composer', () => {
  it('joins parts of a batch that follow each other, beside those of other subjects', () => {
    const composer = new Composer()
    const records = [
      part('r', 'A', 0, 2),
      part('t', 'B', 0, 1),
      alone('one'),
      part('r', 'A', 2, 3),
      part('t', 'B', 1, 1),
      part('r', 'C', 0, 1),
    ]
    assert.deepEqual(idsOf(records.map(record => composer.add(record))), [
      ['one', 1],
      ['A', 5],
    ])
    assert.ok(composer.continues(part('t', 'B', 2, 1)))
    assert.ok(!composer.continues(part('t', 'D', 0, 1)))
    assert.ok(!composer.continues(alone('two')))
    assert.deepEqual(idsOf(composer.takeRest()), [
      ['C', 1],
      ['B', 2],
    ])
    assert.deepEqual(composer.takeRest(), [])
  })

  it('sends what it does not have whole under an id of its own', () => {
    const composer = new Composer()
    composer.add(part('r', 'A', 0, 2))
    // What stood between was stored before.
    assert.deepEqual(idsOf([composer.add(part('r', 'A', 4, 1))]), [['A', 2]])
    assert.deepEqual(idsOf(composer.takeRest()), [['A-4', 1]])
  })
})
