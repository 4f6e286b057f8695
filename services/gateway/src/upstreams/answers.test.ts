import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { eventually } from '@fluxgate/testing'
import { planTestEnv } from './test-plan.ts'
import { answering, fakeServer, send, tcpServer } from './test-servers.ts'

const OK = '{"ok":true}'
const one = (url: string, rest: object = {}) => ({
  upstreams: [{ name: 'a', url, ...rest }],
  retry: { baseDelayMs: 1, maxDelayMs: 1 },
})

describe('an answer', () => {
  it('is tried again when the connection breaks after the head and before a byte of the body', async () => {
    await using server = await tcpServer((socket, count) => {
      const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n'
      socket.write(count === 1 ? head : head + OK)
      if (count === 1) setImmediate(() => socket.resetAndDestroy())
    })
    await using env = await planTestEnv(one(server.url))
    const sent = send(env.upstreams)
    const { status, text, attempts } = await sent.outcome
    assert.deepEqual([status, text, attempts.length, sent.said], [200, OK, 2, ['start', 'end']])
  })

  it('that breaks before a byte of its body is a 502 when it cannot be tried again', async () => {
    await using server = await tcpServer(socket => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n')
      setImmediate(() => socket.resetAndDestroy())
    })
    await using env = await planTestEnv({ ...one(server.url), retry: { maxAttempts: 1 } })
    const sent = send(env.upstreams)
    const { error } = await sent.outcome
    assert.deepEqual([error?.status, error?.code, sent.said], [502, 'upstream_broken', ['error']])
  })

  it('is decoded when its coding is deflate, bare or of zlib, or several codings on top of each other', async () => {
    for (const [coding, bytes] of [
      ['deflate', deflateRawSync(OK)],
      ['deflate', deflateSync(OK)],
      ['gzip, br', brotliCompressSync(gzipSync(OK))],
      ['identity, gzip', gzipSync(OK)],
    ] as const) {
      await using server = await fakeServer(response =>
        response.writeHead(200, { 'content-encoding': coding }).end(bytes),
      )
      await using env = await planTestEnv(one(server.url))
      const { text, headers } = await send(env.upstreams).outcome
      assert.deepEqual([text, headers['content-encoding']], [OK, undefined], coding)
    }
  })

  it('that cannot be decoded is a 502 before its head has gone', async () => {
    await using server = await fakeServer(response =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('this is no gzip'),
    )
    await using env = await planTestEnv(one(server.url))
    const sent = send(env.upstreams)
    assert.deepEqual([(await sent.outcome).error?.status, sent.said], [502, ['error']])
  })

  it('with a status above 599 is a 502', async () => {
    await using server = await tcpServer(socket =>
      socket.end('HTTP/1.1 799 Odd\r\ncontent-length: 0\r\n\r\n'),
    )
    await using env = await planTestEnv({ ...one(server.url), retry: { maxAttempts: 1 } })
    const { error } = await send(env.upstreams).outcome
    assert.deepEqual([error?.status, error?.code], [502, 'upstream_status'])
  })

  it('that is finished by its reader holds no slot while its server leaves the connection open', async () => {
    await using server = await fakeServer(response => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: [DONE]\n\n')
    })
    await using env = await planTestEnv(one(server.url))
    const sent = send(env.upstreams)
    await eventually(() => assert.deepEqual(sent.said, ['start']))
    sent.control.finish()
    assert.equal(env.upstreams.report().upstreams[0]!.inFlight, 0)
    await eventually(() => assert.equal(server.left, 1))
    const upstream = env.upstreams.report().upstreams[0]!
    assert.deepEqual([upstream.circuit, upstream.failures, sent.said], ['closed', 0, ['start']])
  })
})

describe('a stream that is silent', () => {
  const silent = (first: string, ms: number) =>
    fakeServer(response => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (first) response.write(first)
      else response.flushHeaders()
      setTimeout(() => response.end('data: {}\n\n'), ms)
    })

  it('after its headers or comments is not cut by the idle limit', async () => {
    for (const first of ['', ': thinking\n\n']) {
      await using server = await silent(first, 700)
      await using env = await planTestEnv(one(server.url, { timeouts: { idleMs: 100, firstByteMs: 20_000 } }))
      const { error, text } = await send(env.upstreams).outcome
      assert.deepEqual([error, text], [undefined, `${first}data: {}\n\n`])
    }
  })

  it('beyond the first-byte limit is a 504', async () => {
    await using server = await silent('', 20_000)
    const plan = { ...one(server.url, { timeouts: { firstByteMs: 200 } }), retry: { maxAttempts: 1 } }
    await using env = await planTestEnv(plan)
    const sent = send(env.upstreams)
    assert.deepEqual([(await sent.outcome).error?.status, sent.said], [504, ['error']])
  })
})

describe('the option that asks for usage', () => {
  const body = '{"model":"m","stream":true,"stream_options":{"include_usage":true}}'
  const bodyAsGiven = '{"model":"m","stream":true}'

  it('is left out when the server refuses it, and from there on', async () => {
    for (const status of [400, 422]) {
      await using server = await fakeServer((response, _request, got) =>
        answering(OK, got.includes('stream_options') ? status : 200)(response, _request, got, 0),
      )
      await using env = await planTestEnv(one(server.url))
      assert.equal((await send(env.upstreams, { body, bodyAsGiven }).outcome).status, 200)
      assert.equal((await send(env.upstreams, { body, bodyAsGiven, model: 'm' }).outcome).status, 200)
      assert.deepEqual(server.bodies, [body, bodyAsGiven, bodyAsGiven])
    }
  })

  it('is never sent when the upstreams file says so, and a refusal of the call itself passes', async () => {
    await using server = await fakeServer(answering('{"error":{}}', 400))
    await using off = await planTestEnv(one(server.url, { askForUsage: false }))
    assert.equal((await send(off.upstreams, { body, bodyAsGiven }).outcome).status, 400)
    assert.deepEqual(server.bodies, [bodyAsGiven])
    await using on = await planTestEnv(one(server.url))
    assert.equal((await send(on.upstreams, { body, bodyAsGiven }).outcome).status, 400)
    assert.deepEqual(server.bodies.slice(1), [body, bodyAsGiven])
  })
})

it('errors that one caller provokes do not refuse the calls of another', async () => {
  await using server = await fakeServer((response, _request, got, count) =>
    answering(OK, got.includes('bad') ? 500 : 200)(response, _request, got, count),
  )
  await using env = await planTestEnv({ ...one(server.url), retry: { maxAttempts: 1 } })
  for (let call = 0; call < 60; call++) {
    await send(env.upstreams, { caller: 'attacker', body: '{"bad":1}' }).outcome
  }
  const { error } = await send(env.upstreams, { caller: 'attacker', body: '{"bad":1}' }).outcome
  assert.equal(error?.code, 'no_healthy_upstream')
  assert.equal((await send(env.upstreams, { caller: 'neighbour' }).outcome).status, 200)
})
