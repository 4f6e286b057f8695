import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'node:test'
import { OpenRequests } from './open-requests.ts'
import type { Response } from './request-filter.http.ts'

const response = () => new EventEmitter() as unknown as Response

describe('open requests', () => {
  it('are refused beyond their bound, and taken again when one has its answer', () => {
    const requests = new OpenRequests(8)
    const open = Array.from({ length: 8 }, response)
    for (const each of open) assert.equal(requests.enter(each, true), true)
    assert.equal(requests.enter(response(), true), false)
    assert.deepEqual([requests.size, requests.refused], [8, 1])
    open[0]!.emit('close')
    assert.equal(requests.enter(response(), true), true)
    assert.equal(requests.size, 8)
  })

  it('of routes without a key fill a quarter, and calls of models the rest', () => {
    const requests = new OpenRequests(8)
    const taken = Array.from({ length: 8 }, () => requests.enter(response(), false))
    assert.equal(taken.filter(Boolean).length, 2)
    const calls = Array.from({ length: 8 }, () => requests.enter(response(), true))
    assert.equal(calls.filter(Boolean).length, 6)
  })
})
