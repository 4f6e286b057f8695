import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import cookie from '@fastify/cookie'
import { eventually } from '@fluxgate/testing'
import fastify from 'fastify'
import type { LiveHub } from './hub.ts'
import { every, type LiveParts, openLive } from './live.http.ts'

describe('a live page', () => {
  it('ends alone when it cannot be joined to the picture', async () => {
    let joined = 0
    const hub = {
      isFull: false,
      join() {
        if (++joined === 1) throw new Error('thrown by the hub')
        return () => {}
      },
      heartbeat() {},
      close() {},
    } as unknown as LiveHub
    const app = fastify()
    await app.register(cookie)
    const parts = {
      hub,
      nowMs: Date.now,
      heartbeatMs: 60_000,
      sessionCheckMs: 60_000,
      cookieName: 'session',
      admit: async () => ({ user: 'boss', role: 'operator' }),
    } as unknown as LiveParts
    await app.register(async scope => openLive(scope, parts))
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const leave = new AbortController()
    const open = () => fetch(`${url}/live`, { headers: { cookie: 'session=x' }, signal: leave.signal })
    await assert.rejects(
      open().then(response => response.text()),
      /fetch failed|terminated/,
    )
    const second = open()
    await eventually(() => assert.equal(joined, 2))
    second.catch(() => {})
    leave.abort()
    app.server.closeAllConnections()
    await app.close()
  })
})

describe('a timer of a page', () => {
  it('hands on what its action throws', async () => {
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
