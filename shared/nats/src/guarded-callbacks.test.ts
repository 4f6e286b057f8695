import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NatsConnection, SubscriptionOptions } from 'nats'
import { callAll, guardCallbacks } from './guarded-callbacks.ts'

function logOf(errors: object[]) {
  return { info() {}, warn() {}, error: (fields: object) => errors.push(fields) }
}

describe('a callback of a subscription', () => {
  it('ends the handling of its message alone when it throws', () => {
    const errors: object[] = []
    let given: SubscriptionOptions | undefined
    const connection = {
      subscribe(_subject: string, options?: SubscriptionOptions) {
        given = options
        return undefined as never
      },
    } as Pick<NatsConnection, 'subscribe'>
    guardCallbacks(connection, logOf(errors))
    const seen: string[] = []
    connection.subscribe('a.>', {
      queue: 'q',
      callback: (_error, { subject }) => {
        if (subject === 'a.bad') throw new Error('thrown by the handler')
        seen.push(subject)
      },
    })
    assert.equal(given?.queue, 'q')
    for (const subject of ['a.1', 'a.bad', 'a.2']) given?.callback?.(null, { subject } as never)
    assert.deepEqual(seen, ['a.1', 'a.2'])
    assert.equal(errors.length, 1)
    connection.subscribe('b')
    assert.equal(given, undefined)
  })
})

describe('listeners of a connection', () => {
  it('are all called when one of them throws', () => {
    const errors: object[] = []
    let called = 0
    const fail = (): never => {
      throw new Error('thrown by a listener')
    }
    callAll([() => called++, fail, () => called++], logOf(errors))
    assert.deepEqual([called, errors.length], [2, 1])
  })
})
