import assert from 'node:assert/strict'
import { type ClientHttp2Session, connect } from 'node:http2'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { AUTH, get, message } from '../edge/test/case.ts'
import { type EdgeTestEnv, makePair, startEdge } from '../edge/test/env.ts'
import { openRaw, parseAnswers, sendRaw } from '../edge/test/raw.ts'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import type { Upstream } from '../proxy/test-proxy.ts'
import { drainOf } from './drain.timer.ts'

const pair = makePair()
const STREAMS = 200
const FRAMES: Readonly<Record<string, { type: string; frame: string; last: string; error: RegExp }>> = {
  '/v1/chat/completions': {
    type: 'text/event-stream',
    frame: 'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
    last: 'data: [DONE]\n\n',
    error: /\ndata: \{"error":\{.*"code":"interrupted"\}\}\n\n$/,
  },
  '/v1/messages': {
    type: 'text/event-stream',
    frame: 'event: ping\ndata: {"type":"ping"}\n\n',
    last: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    error: /\nevent: error\ndata: \{"type":"error".*\}\n\n$/,
  },
  '/api/chat': {
    type: 'application/x-ndjson',
    frame: '{"message":{"content":"x"},"done":false}\n',
    last: '{"done":true}\n',
    error: /\n\{"error":"The gateway is stopping."\}\n$/,
  },
}
const PATHS = Object.keys(FRAMES)

/** Streams for ever, or where the body says so until `finish` is called. */
const streaming =
  (finish: Array<() => void>): Upstream =>
  (request, response, body) => {
    const path = (request.url ?? '').slice('/base'.length)
    const { type, frame, last } = FRAMES[path]!
    response.writeHead(200, { 'content-type': type })
    response.write(frame)
    const writing = setInterval(() => response.write(frame), 100)
    if (body.includes('"short":true')) finish.push(() => response.end(last))
    response.on('close', () => clearInterval(writing))
  }

interface Streamed {
  readonly path: string
  readonly short: boolean
  text: string
  ended: boolean
}

const bodyOf = (path: string, short: boolean) =>
  JSON.stringify({ model: 'm', stream: true, short, max_tokens: 1, path })

function streamOverHttp1(port: number, path: string, short: boolean): Streamed {
  const streamed: Streamed = { path, short, text: '', ended: false }
  const socket = openRaw(port, true)
  let raw = ''
  const body = bodyOf(path, short)
  const headers = ['Host: gw.test', AUTH, 'Content-Type: application/json', `Content-Length: ${body.length}`]
  socket.write(message(`POST ${path} HTTP/1.1`, headers, body))
  socket.on('data', chunk => {
    raw += chunk.toString('latin1')
    streamed.text = raw
    const [answer] = parseAnswers(raw).answers
    // The last chunk is what tells a whole answer from one that was cut off.
    if (answer) Object.assign(streamed, { text: answer.body, ended: true })
  })
  return streamed
}

function streamOverHttp2(session: ClientHttp2Session, path: string, short: boolean): Streamed {
  const streamed: Streamed = { path, short, text: '', ended: false }
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    authorization: 'Bearer good-key',
    'content-type': 'application/json',
  })
  stream.on('data', chunk => {
    streamed.text += chunk.toString('utf8')
  })
  stream.on('end', () => {
    streamed.ended = stream.rstCode === 0
  })
  stream.on('error', () => {})
  stream.end(bodyOf(path, short))
  return streamed
}

describe('a stopping node', { timeout: 120_000 }, () => {
  /** Everybody is somebody else, so that no limit of one caller is met. */
  const start = async (finish: Array<() => void>): Promise<EdgeTestEnv> => {
    let callers = 0
    const lookupKey = (): KeyAnswer => {
      const identity = { user: `u${++callers}`, key: 'k1' }
      const caller = { identity, identityText: `${identity.user}.k1`, tier: 'free' }
      return { kind: 'accepted', caller }
    }
    // Room for the windows of all streams at once.
    const limits = { maxBodiesBytes: 128_000_000 }
    return startEdge({ tls: await pair, limits, upstream: streaming(finish), proxy: { lookupKey } })
  }

  it(`ends ${STREAMS} streams whole or with an error frame in their dialect, over both protocols`, async () => {
    const finish: Array<() => void> = []
    await using env = await start(finish)
    const session = connect(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    let goaway = false
    session.on('goaway', () => {
      goaway = true
    })
    const streams = Array.from({ length: STREAMS }, (_, i) => {
      const [path, short] = [PATHS[i % PATHS.length]!, i % 9 < 3]
      return i % 2 === 0 ? streamOverHttp1(env.port, path, short) : streamOverHttp2(session, path, short)
    })
    const idle = openRaw(env.port, true)
    idle.resume().write(get('/health'))
    let idleClosed = false
    idle.on('close', () => {
      idleClosed = true
    })
    await eventually(() => assert.equal(env.env.running.size, STREAMS))
    await eventually(() => assert.ok(streams.every(({ text }) => text !== '')))

    const drain = drainOf(env.edge, env.env.running, { drainDelayMs: 0, drainMs: 8_000 })
    const stopped = drain.stop()
    assert.equal(drain.begun, true)
    await eventually(() => assert.ok(goaway && idleClosed))
    const refused = await sendRaw(env.port, get('/health'), { tls: true })
    assert.deepEqual([refused.answers.length, refused.closed], [0, true])
    // One in three streams ends by itself while the node drains.
    for (const end of finish) end()
    await stopped
    await eventually(() => assert.ok(streams.every(({ ended }) => ended)))

    const whole = streams.filter(({ path, text }) => text.endsWith(FRAMES[path]!.last))
    const reported = streams.filter(({ path, text }) => FRAMES[path]!.error.test(text))
    assert.deepEqual(
      { whole: whole.length, reported: reported.length, cut: STREAMS - whole.length - reported.length },
      {
        whole: streams.filter(({ short }) => short).length,
        reported: streams.filter(({ short }) => !short).length,
        cut: 0,
      },
    )
    const count = (name: 'requests.completed' | 'requests.interrupted' | 'tokens.settled') =>
      env.env.named(name).length
    assert.deepEqual(
      [count('requests.completed'), count('requests.interrupted'), count('tokens.settled')],
      [whole.length, reported.length, STREAMS],
    )
    assert.ok(env.env.named('requests.interrupted').every(({ data }) => data.by === 'drain'))
  })

  it('still answers for a moment when balancers need one, and closes each connection after its answer', async () => {
    await using env = await startEdge()
    const drain = drainOf(env.edge, env.env.running, { drainDelayMs: 600, drainMs: 1_000 })
    const stopped = drain.stop()
    env.checks.drain = () => (drain.begun ? 'the node is stopping' : undefined)
    const ready = (await sendRaw(env.port, get('/ready'))).answers[0]!
    assert.deepEqual([ready.status, JSON.parse(ready.body).missing], [503, { drain: 'the node is stopping' }])
    const { answers, closed } = await sendRaw(env.port, get('/health').repeat(2), { quietMs: 300 })
    assert.deepEqual(
      [answers.length, answers[0]!.status, answers[0]!.headers.connection, closed],
      [1, 200, 'close', true],
    )
    await stopped
    assert.equal((await sendRaw(env.port, get('/health'))).answers.length, 0)
  })

  it('answers a request whose connection was made just before', async () => {
    await using env = await startEdge()
    const socket = openRaw(env.port)
    let text = ''
    socket.on('data', chunk => (text += chunk))
    await eventually(() => assert.equal(env.edge.connections.size, 1))
    const stopped = drainOf(env.edge, env.env.running, { drainDelayMs: 0, drainMs: 5_000 }).stop()
    await eventually(() => assert.equal(env.edge.app.server.listening, false))
    socket.write(get('/health'))
    await stopped
    await eventually(() => assert.match(text, /^HTTP\/1\.1 200 .*connection: close/is))
  })

  it('does not wait for connections that ask for nothing', async () => {
    await using env = await startEdge({ tls: await pair })
    const session = connect(`https://localhost:${env.port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    await new Promise(resolve => session.once('connect', resolve))
    const sockets = Array.from({ length: 20 }, () => openRaw(env.port, true))
    await eventually(() => assert.equal(env.edge.connections.size, 21))
    const startedMs = performance.now()
    await drainOf(env.edge, env.env.running, { drainDelayMs: 0, drainMs: 60_000 }).stop()
    assert.ok(performance.now() - startedMs < 30_000)
    await eventually(() => assert.equal(env.edge.connections.size, 0))
    for (const socket of sockets) socket.destroy()
  })
})
