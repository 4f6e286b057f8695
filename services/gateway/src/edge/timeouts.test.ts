import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { eventually } from '@fluxgate/testing'
import { watchOverload } from './overload.timer.ts'
import { chat, get } from './test/case.ts'
import { type EdgeTestEnv, makePair, startEdge } from './test/env.ts'
import { openRaw, parseAnswers, sendRaw } from './test/raw.ts'

const pair = makePair()
/** Far beyond every limit here: nobody may outlast it. */
const PATIENCE_MS = 60_000
const CROWD = 300
const PIECE = 'data: {"choices":[{"delta":{"content":"word"}}]}\n\n'.repeat(1_000)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held in memory, without garbage. */
function bufferedBytes(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const closeOf = (socket: Socket) =>
  new Promise<string>(resolve => {
    let got = ''
    socket.on('data', chunk => {
      got += chunk.toString('latin1')
    })
    socket.once('close', () => resolve(got))
  })

const apis = [
  ['TCP', false],
  ['TLS', true],
] as const
const envs = async (tls: boolean, options: Parameters<typeof startEdge>[0] = {}): Promise<EdgeTestEnv> =>
  startEdge({ ...options, ...(tls ? { tls: await pair } : {}) })

describe('HTTP/1.1', { timeout: 180_000 }, () => {
  for (const [over, tls] of apis) {
    it(`over ${over}: ${CROWD} slow heads are answered 408 and gone, and others are served meanwhile`, async () => {
      await using env = await envs(tls)
      const startedMs = performance.now()
      const crowd = Array.from({ length: CROWD }, () => openRaw(env.port, tls))
      const drip = setInterval(() => {
        for (const socket of crowd) socket.write('X-Slow: y\r\n')
      }, 300)
      for (const socket of crowd) socket.write('GET /api/ps HTTP/1.1\r\nHost: gw.test\r\n')
      await eventually(() => assert.equal(env.edge.connections.size, CROWD))
      assert.equal((await sendRaw(env.port, chat(), { tls })).answers[0]?.status, 200)
      const answers = await Promise.all(crowd.map(closeOf))
      clearInterval(drip)
      // Under load a client may see its own later drip reset the connection, but not outlive the limit.
      const reported = answers.filter(text => parseAnswers(text).answers[0]?.status === 408).length
      assert.ok(reported > CROWD / 2, `${reported} of ${CROWD}`)
      assert.ok(performance.now() - startedMs < PATIENCE_MS)
      assert.equal(env.seen.length, 1)
    })

    it(`over ${over}: a connection that says nothing is closed`, async () => {
      await using env = await envs(tls)
      const socket = openRaw(env.port, tls)
      await closeOf(socket)
      await eventually(() => assert.equal(env.edge.connections.size, 0))
    })

    it(`over ${over}: an idle connection is closed after its keep-alive time`, async () => {
      await using env = await envs(tls, { limits: { keepAliveTimeoutMs: 300 } })
      const socket = openRaw(env.port, tls)
      socket.write(get('/health'))
      const text = await closeOf(socket)
      assert.equal(parseAnswers(text).answers[0]?.status, 200)
    })

    it(`over ${over}: a connection ends after its number of requests`, async () => {
      await using env = await envs(tls, { limits: { maxRequestsPerConnection: 3 } })
      const { answers, closed } = await sendRaw(env.port, get('/health').repeat(3), { tls, quietMs: 500 })
      assert.deepEqual(
        answers.map(({ headers }) => headers.connection),
        ['keep-alive', 'keep-alive', 'close'],
      )
      assert.ok(closed)
    })

    it(`over ${over}: a client that takes nothing of its answer loses it, and its upstream is let go`, async () => {
      let upstreamClosed = 0
      await using env = await envs(tls, {
        limits: { writeStallMs: 800 },
        upstream: (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          const more = (): void => {
            while (!response.destroyed && response.write(PIECE));
          }
          response.on('drain', more).on('close', () => upstreamClosed++)
          more()
        },
      })
      const before = bufferedBytes()
      const sockets = Array.from({ length: 20 }, () => {
        const socket = openRaw(env.port, tls)
        socket.write(chat())
        socket.pause()
        return socket
      })
      await eventually(() => assert.equal(env.seen.length, 20))
      await new Promise(resolve => setTimeout(resolve, 400))
      // The upstream of this test sits in the same process and holds as much again.
      const perClient = (bufferedBytes() - before) / 20
      assert.ok(perClient < 2_000_000, `${perClient} bytes`)
      await eventually(() => assert.equal(upstreamClosed, 20))
      await eventually(() => assert.equal(env.env.running.size, 0))
      assert.equal(env.edge.connections.stalled, 20)
      for (const socket of sockets) socket.destroy()
    })
  }

  it('over TLS: a handshake that does not go on is ended', async () => {
    await using env = await envs(true)
    await closeOf(openRaw(env.port))
    await eventually(() => assert.equal(env.edge.connections.size, 0))
  })

  it('from one address has a number of connections, trusted proxies aside', async () => {
    await using env = await startEdge({ limits: { maxConnectionsPerAddress: 5 } })
    const sockets = Array.from({ length: 12 }, () => openRaw(env.port))
    await eventually(() => assert.equal(env.edge.connections.refused, 7))
    for (const socket of sockets) socket.destroy()
    await eventually(() => assert.equal(env.edge.connections.size, 0))
    assert.equal((await sendRaw(env.port, chat())).answers[0]?.status, 200)
    await using trusting = await startEdge({
      limits: { maxConnectionsPerAddress: 5 },
      trustedProxies: ['loopback'],
    })
    const others = Array.from({ length: 12 }, () => openRaw(trusting.port))
    await eventually(() => assert.equal(trusting.edge.connections.size, 12))
    assert.equal(trusting.edge.connections.refused, 0)
    for (const socket of others) socket.destroy()
  })

  it('has a number of connections in all', async () => {
    await using env = await startEdge({ limits: { maxConnections: 5 } })
    const sockets = Array.from({ length: 12 }, () => openRaw(env.port))
    let closed = 0
    for (const socket of sockets) void closeOf(socket).then(() => closed++)
    await eventually(() => assert.ok(closed >= 7))
    for (const socket of sockets) socket.destroy()
  })
})

describe('HTTP/2', { timeout: 120_000 }, () => {
  const open = async (env: EdgeTestEnv) => {
    const session = connect(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    await new Promise(resolve => session.once('connect', resolve))
    return session
  }

  it('ends a connection without streams after its keep-alive time', async () => {
    await using env = await envs(true, { limits: { keepAliveTimeoutMs: 300 } })
    const session = await open(env)
    await new Promise(resolve => session.once('close', resolve))
    await eventually(() => assert.equal(env.edge.sessions.size, 0))
  })

  it('ends one whose client sends its preface and no more', async () => {
    await using env = await envs(true, { limits: { keepAliveTimeoutMs: 300 } })
    const socket = connectTls({ port: env.port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
    socket.on('error', () => {})
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await closeOf(socket)
    await eventually(() => assert.equal(env.edge.sessions.size, 0))
  })

  it('ends streams whose client takes nothing, while the connection lives', async () => {
    let upstreamClosed = 0
    await using env = await envs(true, {
      limits: { writeStallMs: 800 },
      upstream: (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.on('close', () => upstreamClosed++)
        const more = (): void => {
          while (!response.destroyed && response.write(PIECE));
        }
        response.on('drain', more)
        more()
      },
    })
    const session = await open(env)
    const headers = { ':path': '/api/ps', authorization: 'Bearer good-key' }
    for (let i = 0; i < 10; i++)
      session
        .request(headers)
        .on('error', () => {})
        .pause()
    await eventually(() => assert.equal(upstreamClosed, 10))
    assert.ok(env.edge.sessions.stalled >= 10)
    const health = session.request({ ':path': '/health' })
    assert.equal(await new Promise(resolve => health.on('response', got => resolve(got[':status']))), 200)
    session.destroy()
  })
})

it('a late event loop is overload, and it passes', { timeout: 30_000 }, async () => {
  using overload = watchOverload({ maxLoopDelayMs: 150, maxHeapShare: 1 })
  const block = setInterval(() => {
    const until = performance.now() + 400
    while (performance.now() < until);
  }, 10)
  await eventually(() => assert.match(overload.reason ?? '', /ms late/))
  clearInterval(block)
  await eventually(() => assert.equal(overload.reason, undefined))
})
