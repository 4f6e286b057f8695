import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import cookie from '@fastify/cookie'
import { eventually } from '@fluxgate/testing'
import fastify from 'fastify'
import type { Gate } from '../sessions/index.ts'
import type { LiveHub } from './hub.ts'
import { liveRoutes } from './live.http.ts'

describe('live routes', () => {
  it('close one connection alone when the hub cannot take it', async () => {
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
    const gate = {
      cookieName: 'session',
      admit: async () => ({ user: 'boss', role: 'operator' }),
    } as unknown as Gate
    const options = { hub, nowMs: Date.now, heartbeatMs: 60_000, sessionCheckMs: 60_000 }
    await app.register(async scope => liveRoutes(scope, gate, options))
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
