import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pendingRecord } from './backlog.ts'
import { Composer, type PendingMessage } from './pending-message.ts'
import { RetainedMessages } from './retained-messages.ts'

const message = (id: string): PendingMessage =>
  new Composer().add(pendingRecord({ subject: 's', id, payload: 'text', part: undefined }, undefined))!

it('keeps acknowledged messages until their time, without their bytes, and gives them back once', () => {
  const retained = new RetainedMessages()
  assert.equal(retained.oldestMs, undefined)
  for (const [i, id] of ['one', 'two', 'three'].entries()) {
    retained.add({ ...message(id), sentAtMs: i }, 100 * i)
  }
  assert.equal(retained.oldestMs, 0)
  assert.deepEqual(
    Array.from(retained.records(), ({ id, payload }) => [id, payload]),
    [
      ['one', ''],
      ['two', ''],
      ['three', ''],
    ],
  )
  assert.deepEqual(
    Array.from(retained.takeExpired(100), ({ id }) => id),
    ['one', 'two'],
  )
  assert.equal(retained.oldestMs, 2)
  const again = retained.takeAll()
  assert.deepEqual(
    again.map(({ id, wasStored }) => [id, wasStored]),
    [['three', true]],
  )
  assert.deepEqual(retained.takeAll(), [])
})
