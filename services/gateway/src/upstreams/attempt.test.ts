import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eventually, freePort } from '@fluxgate/testing'
import { planTestEnv } from './test-plan.ts'
import { answering, type FakeServer, fakeServer, send, tcpServer } from './test-servers.ts'

const OK = '{"ok":true}'
/** Two upstreams of which the first is chosen first: it weighs a thousand times as much. */
const pair = (bad: string, good: FakeServer, rest: object = {}) => ({
  upstreams: [
    { name: 'bad', url: bad, weight: 1_000, timeouts: { connectMs: 500, firstByteMs: 400, idleMs: 400 } },
    { name: 'good', url: good.url, weight: 0.001 },
  ],
  retry: { baseDelayMs: 5 },
  ...rest,
})
/** Draws the heavy upstream first; jitter is at its longest. */
const FIRST = { random: () => 0.4 }

describe('a call is sent to another upstream when the first', () => {
  const faults: Array<[string, () => Promise<FakeServer>]> = [
    ['resets before an answer', () => tcpServer(socket => socket.resetAndDestroy())],
    ['closes before an answer', () => tcpServer(socket => socket.end())],
    ['never answers', () => tcpServer(() => {})],
    ['says nothing that is HTTP', () => tcpServer(socket => socket.end('hello\r\n\r\n'))],
    [
      'sends huge headers',
      () => tcpServer(socket => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)),
    ],
    ...[429, 500, 502, 503, 504, 529].map((status): [string, () => Promise<FakeServer>] => [
      `answers ${status}`,
      () => fakeServer(answering('{"error":"no"}', status)),
    ]),
  ]
  for (const [what, start] of faults) {
    it(what, async () => {
      await using bad = await start()
      await using good = await fakeServer(answering(OK))
      await using env = await planTestEnv(pair(bad.url, good), {}, FIRST)
      const sent = send(env.upstreams)
      const { status, text, attempts, error } = await sent.outcome
      assert.equal(error, undefined)
      assert.deepEqual([status, text], [200, OK])
      assert.deepEqual(
        attempts.map(([name]) => name),
        ['bad', 'good'],
      )
      assert.deepEqual(sent.said, ['start', 'end'])
      await eventually(() => assert.ok(env.upstreams.report().upstreams.every(each => each.inFlight === 0)))
    })
  }

  it('refuses the connection', async () => {
    await using good = await fakeServer(answering(OK))
    const plan = pair(`http://127.0.0.1:${await freePort()}`, good)
    await using env = await planTestEnv(plan, {}, FIRST)
    const { status, attempts } = await send(env.upstreams).outcome
    assert.deepEqual([status, attempts.length], [200, 2])
    assert.equal(env.upstreams.report().upstreams[0]!.lastError?.code, 'upstream_unreachable')
  })
})

describe('a call is not repeated', () => {
  it('once a byte of the answer has come, and ends with an error', async () => {
    await using bad = await tcpServer(socket => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setTimeout(() => socket.resetAndDestroy(), 50)
    })
    await using good = await fakeServer(answering(OK))
    await using env = await planTestEnv(pair(bad.url, good), {}, FIRST)
    const sent = send(env.upstreams)
    const { text, error, attempts } = await sent.outcome
    assert.deepEqual(
      [text, error?.code, error?.phase, attempts.length],
      ['hello', 'upstream_broken', 'stream', 1],
    )
    assert.deepEqual(sent.said, ['start', 'error'])
    assert.equal(good.bodies.length, 0)
  })

  it('when the answer stalls in the middle', async () => {
    await using bad = await fakeServer(response => void response.write('x'))
    await using good = await fakeServer(answering(OK))
    await using env = await planTestEnv(pair(bad.url, good), {}, FIRST)
    const { error } = await send(env.upstreams).outcome
    assert.deepEqual([error?.code, error?.status], ['upstream_stalled', 504])
  })

  it('when it changes something and was sent whole, or the config says so', async () => {
    for (const [path, rest] of [
      ['/v1/files', {}],
      ['/v1/chat/completions', { retry: { afterSent: false } }],
    ] as const) {
      await using bad = await tcpServer(socket => socket.resetAndDestroy())
      await using good = await fakeServer(answering(OK))
      await using env = await planTestEnv(pair(bad.url, good, rest), {}, FIRST)
      const { error, attempts } = await send(env.upstreams, { path }).outcome
      assert.deepEqual([error?.code, error?.phase, attempts.length], ['upstream_broken', 'response', 1], path)
      assert.equal(good.bodies.length, 0)
    }
  })

  it('when the upstream redirects: that is an error and not followed', async () => {
    await using good = await fakeServer(answering(OK))
    await using bad = await fakeServer(answering('', 307, { location: good.url }))
    await using env = await planTestEnv(pair(bad.url, good), {}, FIRST)
    const { error } = await send(env.upstreams).outcome
    assert.equal(error?.code, 'upstream_redirect')
    assert.equal(good.bodies.length, 0)
  })

  it('when the time for it is over', async () => {
    await using bad = await fakeServer(answering('{"n":1}', 503))
    const plan = {
      upstreams: [{ name: 'a', url: bad.url }],
      retry: { baseDelayMs: 5_000, maxDelayMs: 5_000, maxTotalMs: 100 },
    }
    await using env = await planTestEnv(plan, {}, FIRST)
    const { status, attempts } = await send(env.upstreams).outcome
    assert.deepEqual([status, attempts.length], [503, 1])
  })

  it('when the budget is spent', async () => {
    await using bad = await fakeServer(answering('{}', 500))
    const retry = { baseDelayMs: 1, budgetRatio: 0.2, budgetPerSecond: 0 }
    const circuit = { minRequests: 100_000 }
    await using env = await planTestEnv({ upstreams: [{ name: 'a', url: bad.url }], retry, circuit })
    for (let i = 0; i < 100; i++) await send(env.upstreams).outcome
    const { retries, retriesSpared } = env.upstreams.report()
    // A fifth of the calls, and the ten that a node has at its start.
    assert.ok(retries > 20 && retries <= 30, `${retries}`)
    assert.ok(retriesSpared > 0)
    assert.equal(bad.bodies.length, 100 + retries)
  })
})

describe('when all attempts fail', () => {
  it('the client gets the last answer, byte for byte', async () => {
    await using busy = await fakeServer((response, _request, _body, count) =>
      answering(`{"error":"busy ${count}"}`, 429, { 'retry-after': '1', 'x-mine': 'yes' })(
        response,
        _request,
        _body,
        count,
      ),
    )
    const plan = {
      upstreams: [{ name: 'a', url: busy.url }],
      retry: { maxAttempts: 2, maxRetryAfterMs: 1_500 },
    }
    await using env = await planTestEnv(plan)
    const startedMs = performance.now()
    const { status, text, headers, attempts } = await send(env.upstreams).outcome
    assert.deepEqual([status, text, attempts.length], [429, '{"error":"busy 2"}', 2])
    assert.equal(headers['x-mine'], 'yes')
    assert.ok(performance.now() - startedMs >= 990, 'a short retry-after is waited out')
  })

  it('a long retry-after is passed on at once', async () => {
    await using busy = await fakeServer(answering('{"error":"later"}', 429, { 'retry-after': '60' }))
    await using env = await planTestEnv({ upstreams: [{ name: 'a', url: busy.url }] })
    const { status, headers, attempts } = await send(env.upstreams).outcome
    assert.deepEqual([status, headers['retry-after'], attempts.length], [429, '60', 1])
  })

  it('an answer that came counts more than connections that failed after it', async () => {
    await using busy = await fakeServer(answering('{"error":"busy"}', 503))
    const plan = pair(busy.url, { ...busy, url: `http://127.0.0.1:${await freePort()}` })
    await using env = await planTestEnv({ ...plan, retry: { maxAttempts: 2, baseDelayMs: 1 } }, {}, FIRST)
    const sent = send(env.upstreams)
    const { status, text, attempts } = await sent.outcome
    assert.deepEqual([status, text, attempts.length], [503, '{"error":"busy"}', 2])
    assert.deepEqual(sent.said, ['start', 'end'])
  })

  it('without any answer the error says which', async () => {
    const plan = {
      upstreams: [{ name: 'a', url: `http://127.0.0.1:${await freePort()}` }],
      retry: { baseDelayMs: 1 },
    }
    await using env = await planTestEnv(plan)
    const { error, attempts } = await send(env.upstreams).outcome
    assert.deepEqual(
      [error?.code, error?.status, error?.phase, attempts.length],
      ['upstream_unreachable', 502, 'connect', 3],
    )
  })
})

describe('an answer that is compressed without being asked for', () => {
  it('is undone, streamed or whole', async () => {
    const text = `data: ${'ü'.repeat(10_000)}\n\n`
    await using server = await fakeServer(response => {
      const bytes = gzipSync(text)
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length })
      response.write(bytes.subarray(0, 20))
      setTimeout(() => response.end(bytes.subarray(20)), 20)
    })
    await using env = await planTestEnv({ upstreams: [{ name: 'a', url: server.url }] })
    const outcome = await send(env.upstreams).outcome
    assert.equal(outcome.text, text)
    assert.equal(outcome.headers['content-encoding'], undefined)
    assert.equal(outcome.headers['content-length'], undefined)
  })

  it('is an error when it is cut off, or a bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024))
    for (const bytes of [bomb, gzipSync('hello').subarray(0, 12)]) {
      await using server = await fakeServer(response => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes)
      })
      await using env = await planTestEnv({ upstreams: [{ name: 'a', url: server.url }] })
      const sent = send(env.upstreams)
      const { error } = await sent.outcome
      assert.equal(error?.code, 'upstream_encoding')
      assert.deepEqual(sent.said, ['start', 'error'])
    }
  })
})

describe('a client that leaves', () => {
  it('ends the attempt, at any of its stages, and leaves nothing behind', async () => {
    await using hanging = await tcpServer(() => {})
    await using busy = await fakeServer(answering('{}', 503))
    const long = { baseDelayMs: 10_000, maxDelayMs: 10_000 }
    const stages: Array<[string, object]> = [
      ['the attempt', { upstreams: [{ name: 'a', url: hanging.url }] }],
      ['the backoff', { upstreams: [{ name: 'a', url: busy.url }], retry: long }],
      [
        'the connection',
        { upstreams: [{ name: 'a', url: 'http://never.example', timeouts: { connectMs: 1_000 } }] },
      ],
    ]
    for (const [stage, plan] of stages) {
      await using env = await planTestEnv(plan, {}, { ...FIRST, lookup: () => {} })
      const sent = send(env.upstreams)
      await new Promise(resolve => setTimeout(resolve, 100))
      const leftMs = performance.now()
      sent.control.abort(new Error('left'))
      assert.equal(env.upstreams.report().upstreams[0]!.inFlight, 0, stage)
      assert.ok(performance.now() - leftMs < 100, stage)
      await new Promise(resolve => setTimeout(resolve, 50))
      assert.deepEqual(sent.said, [], stage)
    }
  })
})
