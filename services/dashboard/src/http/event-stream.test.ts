import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { every } from './event-stream.http.ts'

describe('every', () => {
  it('passes what its action throws to onError, and goes on', async () => {
    const errors: unknown[] = []
    const stop = every(
      1,
      async () => {
        throw new Error('thrown by the action')
      },
      error => errors.push(error),
    )
    await eventually(() => assert.ok(errors.length >= 2))
    stop()
  })
})
