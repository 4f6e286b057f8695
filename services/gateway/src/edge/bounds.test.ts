import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { routesOf } from '../dialects/routes.ts'
import { Bodies } from './bodies.http.ts'
import { createEdge } from './edge.http.ts'
import { OpenRequests } from './open-requests.ts'
import { QUICK_LIMITS, startEdge } from './test/env.ts'

const KEY = { authorization: 'Bearer good-key', 'content-type': 'application/json' }

describe('a small route', () => {
  it('takes a body of 64 KiB and answers 413 to a longer one, declared or not', async () => {
    using bodies = new Bodies(QUICK_LIMITS)
    const { app } = createEdge({ limits: QUICK_LIMITS, calls() {}, bodies, routes: routesOf() })
    app.post('/portal/echo', async request => ({ length: JSON.stringify(request.body).length }))
    try {
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      const post = async (length: number, isDeclared: boolean): Promise<number> => {
        const text = JSON.stringify('x'.repeat(length - 2))
        const body = isDeclared ? text : new Blob([text]).stream()
        const init = {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
          duplex: 'half' as const,
        }
        const response = await fetch(`${url}/portal/echo`, init)
        await response.arrayBuffer()
        return response.status
      }
      for (const isDeclared of [true, false]) {
        assert.equal(await post(65_536, isDeclared), 200)
        assert.equal(await post(65_537, isDeclared), 413)
      }
      await eventually(() => assert.equal(bodies.bufferedBytes, 0))
    } finally {
      await app.close()
    }
  })
})

describe('open requests', () => {
  it('are refused with 503 beyond MAX_OPEN_REQUESTS, and taken again when some have ended', async () => {
    const waiting: ServerResponse[] = []
    await using edge = await startEdge({
      limits: { maxOpenRequests: 4 },
      upstream: (_request, response) => waiting.push(response),
    })
    const url = `http://127.0.0.1:${edge.port}`
    const call = () =>
      fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: KEY, body: '{"model":"m"}' })
    const open = Array.from({ length: 4 }, call)
    await eventually(() => assert.equal(waiting.length, 4))
    const refused = await call()
    assert.equal(refused.status, 503)
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'overloaded')
    assert.equal((await fetch(`${url}/health`)).status, 200, 'a balancer is always answered')
    assert.deepEqual([edge.edge.requests.size, edge.edge.requests.refused], [4, 1])
    for (const response of waiting) response.setHeader('content-type', 'application/json').end('{}')
    for (const response of await Promise.all(open)) await response.arrayBuffer()
    await eventually(() => assert.equal(edge.edge.requests.size, 0))
    const next = call()
    await eventually(() => assert.equal(waiting.length, 5))
    waiting[4]!.setHeader('content-type', 'application/json').end('{}')
    assert.equal((await next).status, 200)
  })

  it('leave three quarters of their room to calls when routes without a key fill theirs', () => {
    const requests = new OpenRequests(8)
    const enter = (isCall: boolean) => {
      const response = new EventEmitter()
      return { response, isIn: requests.enter(response as never, isCall) }
    }
    const routes = Array.from({ length: 3 }, () => enter(false))
    assert.deepEqual(
      routes.map(({ isIn }) => isIn),
      [true, true, false],
    )
    const calls = Array.from({ length: 7 }, () => enter(true))
    assert.equal(calls.filter(({ isIn }) => isIn).length, 6)
    assert.deepEqual([requests.size, requests.refused], [8, 2])
    routes[0]!.response.emit('close')
    assert.ok(enter(false).isIn)
  })
})
