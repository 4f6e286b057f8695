import assert from 'node:assert/strict'
import { connect as connectH2 } from 'node:http2'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { chat } from '../edge/test/case.ts'
import { type EdgeTestEnv, makePair, startEdge } from '../edge/test/env.ts'
import { openRaw } from '../edge/test/raw.ts'
import type { KeyAnswer } from '../http/refusal-messages.ts'

const pair = makePair()
const CALLS = 30
const ACCEPTED: KeyAnswer = {
  kind: 'accepted',
  caller: { identity: { user: 'u1', key: 'k1' }, identityText: 'u1.k1', tier: 'free' },
}

/** Look-ups that are answered when the test says so. */
function heldLookups() {
  const waiting: Array<() => void> = []
  const lookupKey = () => new Promise<KeyAnswer>(resolve => waiting.push(() => resolve(ACCEPTED)))
  return { waiting, lookupKey }
}

async function assertNothingHeld({ env }: EdgeTestEnv): Promise<void> {
  await eventually(() => {
    const [upstream] = env.upstreams.report().upstreams
    assert.deepEqual(
      [env.running.size, env.requests.size, upstream!.inFlight, env.deps.bodies.bufferedBytes],
      [0, 0, 0, 0],
    )
  })
  const admitted = env.named('requests.admitted').length
  assert.equal(env.named('requests.interrupted').length + env.named('requests.completed').length, admitted)
  assert.equal(env.named('tokens.settled').length, admitted)
}

describe('clients that leave during the look-up of their key', () => {
  it('over HTTP/1.1 hold nothing afterwards', async () => {
    const { waiting, lookupKey } = heldLookups()
    await using env = await startEdge({ proxy: { lookupKey } })
    const sockets = Array.from({ length: CALLS }, () => {
      const socket = openRaw(env.port)
      socket.on('error', () => {})
      socket.write(chat())
      return socket
    })
    await eventually(() => assert.equal(waiting.length, CALLS))
    for (const socket of sockets) socket.resetAndDestroy()
    await eventually(() => assert.equal(env.edge.connections.size, 0))
    for (const answer of waiting) answer()
    await assertNothingHeld(env)
    assert.equal(env.seen.length, 0)
  })

  it('over HTTP/1.1 hold nothing when the look-up and the reset come together', async () => {
    const { waiting, lookupKey } = heldLookups()
    await using env = await startEdge({ proxy: { lookupKey }, upstream: () => {} })
    const sockets = Array.from({ length: CALLS }, () => {
      const socket = openRaw(env.port)
      socket.on('error', () => {})
      socket.write(chat())
      return socket
    })
    await eventually(() => assert.equal(waiting.length, CALLS))
    for (let i = 0; i < CALLS; i++) {
      sockets[i]!.resetAndDestroy()
      waiting[i]!()
    }
    await assertNothingHeld(env)
  })

  it('over HTTP/1.1 hold nothing when their requests are pipelined', async () => {
    const { waiting, lookupKey } = heldLookups()
    await using env = await startEdge({ proxy: { lookupKey }, upstream: () => {} })
    const socket = openRaw(env.port)
    socket.on('error', () => {})
    socket.write(chat().repeat(5))
    await eventually(() => assert.equal(waiting.length, 5))
    for (const answer of waiting) answer()
    await eventually(() => assert.equal(env.env.running.size, 5))
    socket.resetAndDestroy()
    await assertNothingHeld(env)
  })

  it('over HTTP/2 hold nothing afterwards', async () => {
    const { waiting, lookupKey } = heldLookups()
    await using env = await startEdge({ tls: await pair, proxy: { lookupKey } })
    const session = connectH2(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    for (let i = 0; i < CALLS; i++) {
      const headers = { ':method': 'POST', ':path': '/v1/chat/completions', authorization: 'Bearer x' }
      session
        .request(headers)
        .on('error', () => {})
        .end('{"model":"m"}')
    }
    await eventually(() => assert.equal(waiting.length, CALLS))
    session.destroy()
    await eventually(() => assert.equal(env.edge.sessions.size, 0))
    for (const answer of waiting) answer()
    await assertNothingHeld(env)
  })
})

it('bodies of callers without a key are refused beyond a quarter of the room, and those of others are not', async () => {
  const { waiting, lookupKey } = heldLookups()
  const limits = { maxBodiesBytes: 1_000_000, maxBodyBytes: 100_000 }
  const lookup = (key: string) => (key === 'good-key' ? ACCEPTED : lookupKey())
  await using env = await startEdge({ limits, proxy: { lookupKey: lookup } })
  const strangers = Array.from({ length: 40 }, () => {
    const socket = openRaw(env.port)
    socket.on('error', () => {})
    socket.write(chat().replace('good-key', 'unknown').replace('Content-Length: 13', 'Content-Length: 65000'))
    return socket
  })
  await eventually(() => {
    env.env.deps.refusals.flushAll(performance.now())
    const refused = env.env.named('requests.refused').reduce((sum, { data }) => sum + data.count, 0)
    assert.ok(refused >= 30, String(refused))
  })
  assert.ok(env.env.deps.bodies.bufferedBytes <= 250_000, `${env.env.deps.bodies.bufferedBytes}`)
  const socket = openRaw(env.port)
  socket.write(chat())
  await eventually(() => assert.equal(env.seen.length, 1))
  socket.destroy()
  for (const each of strangers) each.destroy()
  for (const answer of waiting) answer()
  await assertNothingHeld(env)
})
