import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import {
  bodyOf,
  CHAT,
  KEY,
  post,
  startTestEnv,
  type TestEnv,
  type Upstream,
  USAGE,
  unary,
} from './test-proxy.ts'

const SSE = { 'content-type': 'text/event-stream' }

/** Exactly one ending and one settlement for each admitted request. */
function assertConserved(env: TestEnv): void {
  const ids = (names: string[]) =>
    env.events
      .filter(event => names.some(name => event.type === `fluxgate.${name}`))
      .map(event => (event.data as { request: string }).request)
      .sort()
  const admitted = ids(['requests.admitted'])
  assert.deepEqual(ids(['requests.completed', 'requests.failed', 'requests.interrupted']), admitted)
  assert.deepEqual(ids(['tokens.settled']), admitted)
}

describe('a plain call', () => {
  it('is passed on, answered, and recorded in four events', async () => {
    let seen: { url: string | undefined; key: string | undefined; body: string } | undefined
    await using env = await startTestEnv((request, response, body) => {
      seen = { url: request.url, key: request.headers.authorization, body }
      unary(request, response, body)
    })
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const body = '{"model":"m1", "messages":[{"role":"user","content":"Hello"}]}'
    // A slow refill, so that what is left shows the settlement however busy the machine is.
    const free = { capacity: 5_000, refillRate: 4, requestsPerMinute: 600 }
    env.deps.limits.setPolicy({ tiers: { free }, identities: {} }, 0)
    const response = await post(env, `${CHAT}?api-version=1`, body, { traceparent })
    assert.equal(response.status, 200)
    assert.deepEqual((await bodyOf(response)).usage, USAGE)
    assert.match(response.headers.get('x-request-id') ?? '', /^req_/)
    assert.ok(Number(response.headers.get('x-fluxgate-overhead-ms')) < 1_000)
    assert.equal(response.headers.get('x-ratelimit-limit-tokens'), '5000')
    assert.equal(response.headers.get('x-ratelimit-limit-requests'), '600')
    assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '599')
    assert.match(response.headers.get('x-ratelimit-reset-tokens') ?? '', /^\d+(\.\d)?s$/)
    assert.deepEqual(seen, { url: `/base${CHAT}?api-version=1`, key: undefined, body })
    assert.deepEqual(
      env.events.map(event => event.type),
      ['requests.admitted', 'auth.key_accepted', 'requests.completed', 'tokens.settled'].map(
        name => `fluxgate.${name}`,
      ),
    )
    const [settled] = env.named('tokens.settled')
    assert.deepEqual(
      [settled!.data.total, settled!.data.source, settled!.traceparent],
      [15, 'reported', traceparent],
    )
    const left = env.deps.limits.tokensLeft(performance.now())['u1.k1'] ?? 0
    assert.ok(left >= 4_985 && left < 5_000, `${left}`)
    assertConserved(env)
  })

  it('tells in its settlement what came from the prompt cache of the upstream', async () => {
    const openai = { prompt_tokens: 100, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 64 } }
    const anthropic = {
      input_tokens: 10,
      output_tokens: 5,
      cache_read_input_tokens: 64,
      cache_creation_input_tokens: 26,
    }
    await using env = await startTestEnv((request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ usage: request.url?.endsWith('/messages') ? anthropic : openai }))
    })
    await (await post(env, CHAT, { model: 'm', messages: [] })).text()
    await (await post(env, '/v1/messages', { model: 'm', messages: [] })).text()
    const settled = await eventually(() => {
      const facts = env.named('tokens.settled')
      assert.equal(facts.length, 2)
      return facts
    })
    for (const { data } of settled) {
      const { input, cachedInput, output } = data.usage
      assert.deepEqual([input, cachedInput, output, data.source], [100, 64, 5, 'reported'])
    }
  })

  it('waits for a key that is not cached', async () => {
    await using env = await startTestEnv(unary)
    assert.equal((await post(env, CHAT, {}, { authorization: 'Bearer slow-key' })).status, 200)
    const response = await fetch(env.url + CHAT, {
      method: 'POST',
      body: '{}',
      headers: { 'x-api-key': KEY },
    })
    assert.equal(response.status, 200)
  })

  it('may have no body and then costs nothing', async () => {
    await using env = await startTestEnv((_request, response) => response.end('{"data":[]}'))
    const response = await fetch(`${env.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } })
    assert.deepEqual(await response.json(), { object: 'list', data: [] })
    assert.equal(env.named('tokens.settled')[0]!.data.total, 0)
    assertConserved(env)
  })

  it('that the upstream refuses is a complete answer and costs nothing', async () => {
    await using env = await startTestEnv((_request, response) => {
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"error":{"message":"no such model"}}')
    })
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 404)
    assert.match(await response.text(), /no such model/)
    assert.equal(env.named('requests.completed')[0]!.data.status, 404)
    assert.equal(env.named('tokens.settled')[0]!.data.total, 0)
  })
})

describe('a stream', () => {
  const frames = [
    'data: {"choices":[{"delta":{"content":"ü"}}]}\n\n',
    `data: {"choices":[],"usage":${JSON.stringify(USAGE)}}\n\n`,
    'data: [DONE]\n\n',
  ]
  const streamed: Upstream = async (_request, response) => {
    response.writeHead(200, SSE)
    for (const frame of frames) {
      response.write(frame)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    response.end()
  }

  it('comes without the usage that only the gateway asked for', async () => {
    let asked = ''
    await using env = await startTestEnv((request, response, body) => {
      asked = body
      void streamed(request, response, body)
    })
    const response = await post(env, CHAT, { stream: true })
    assert.equal(await response.text(), frames[0]! + frames[2]!)
    assert.equal(response.headers.get('content-length'), null)
    assert.equal(response.headers.get('x-accel-buffering'), 'no')
    assert.equal(JSON.parse(asked).stream_options.include_usage, true)
    assert.equal(env.named('tokens.settled')[0]!.data.total, 15)
  })

  it('comes whole when the client asked for usage itself', async () => {
    await using env = await startTestEnv(streamed)
    const response = await post(env, CHAT, { stream: true, stream_options: { include_usage: true } })
    assert.equal(await response.text(), frames.join(''))
  })

  it('arrives piece by piece, and its first piece before its last is made', async () => {
    let finish = () => {}
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, SSE)
      response.write(frames[0])
      finish = () => response.end(frames[2])
    })
    const response = await post(env, CHAT, { stream: true })
    const reader = response.body!.getReader()
    assert.equal(Buffer.from((await reader.read()).value!).toString(), frames[0])
    finish()
    assert.equal(Buffer.from((await reader.read()).value!).toString(), frames[2])
    assert.ok((await reader.read()).done)
  })

  it('that breaks in the middle ends with an error frame, fails, and is settled for what came', async () => {
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, SSE)
      response.write(frames[0])
      setTimeout(() => response.destroy(), 20)
    })
    const text = await (await post(env, CHAT, { stream: true })).text()
    assert.ok(text.startsWith(frames[0]!))
    assert.equal(JSON.parse(text.slice(frames[0]!.length + 'data: '.length)).error.code, 'upstream_broken')
    assert.ok(!text.includes('[DONE]'))
    const [failed] = env.named('requests.failed')
    assert.deepEqual([failed!.data.phase, failed!.data.status], ['stream', 200])
    const [settled] = env.named('tokens.settled')
    assert.deepEqual([settled!.data.usage.output, settled!.data.source], [1, 'estimated'])
    assertConserved(env)
  })

  it('whose client leaves is stopped at the upstream within 100 ms and settled', async () => {
    let upstreamClosedMs = 0
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, SSE)
      const writing = setInterval(() => response.write(frames[0]), 5)
      response.on('close', () => {
        clearInterval(writing)
        upstreamClosedMs = performance.now()
      })
    })
    const leave = new AbortController()
    const response = await post(env, CHAT, { stream: true }, {}, leave.signal)
    await response.body!.getReader().read()
    const leftMs = performance.now()
    leave.abort()
    await eventually(() => assert.ok(upstreamClosedMs > 0))
    assert.ok(upstreamClosedMs - leftMs < 10_000, `${upstreamClosedMs - leftMs} ms`)
    await eventually(() => assert.equal(env.named('requests.interrupted').length, 1))
    assert.equal(env.named('requests.interrupted')[0]!.data.by, 'client')
    assert.ok(env.named('tokens.settled')[0]!.data.usage.output >= 1)
    assert.equal(env.running.size, 0)
    assertConserved(env)
  })

  it('of more than a second tells its progress, which its settlement counts in', async () => {
    await using env = await startTestEnv(async (_request, response) => {
      response.writeHead(200, SSE)
      for (let i = 0; i < 30; i++) {
        response.write(frames[0])
        await new Promise(resolve => setTimeout(resolve, 50))
      }
      response.end(frames[1]! + frames[2]!)
    })
    await (await post(env, CHAT, { stream: true })).text()
    const progressed = env.named('tokens.progressed')
    assert.equal(progressed.length, 1)
    assert.equal(progressed[0]!.data.delta, progressed[0]!.data.prompt + progressed[0]!.data.completion)
    assert.equal(env.named('tokens.settled')[0]!.data.progressed, progressed[0]!.data.delta)
  })

  it('does not run ahead of a client that does not read', async () => {
    let written = 0
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, SSE)
      const piece = `data: ${'x'.repeat(64 * 1024)}\n\n`
      const write = (): void => {
        while (written < 100_000_000) {
          written += piece.length
          if (!response.write(piece)) {
            response.once('drain', write)
            return
          }
        }
        response.end()
      }
      write()
    })
    const response = await post(env, CHAT, { stream: true })
    const reader = response.body!.getReader()
    await reader.read()
    await new Promise(resolve => setTimeout(resolve, 500))
    assert.ok(written < 40_000_000, `the upstream wrote ${written} bytes`)
    await reader.cancel()
  })
})

describe('an upstream', () => {
  it('that hangs before its first byte is a 504 in the dialect of the path', async () => {
    await using env = await startTestEnv(() => {})
    for (const [path, code] of [
      [CHAT, (body: { error: { code: string } }) => body.error.code],
      ['/v1/messages', (body: { type: string; error: { type: string } }) => body.error.type],
      ['/api/chat', (body: { error: string }) => body.error],
    ] as const) {
      const response = await post(env, path, {})
      assert.equal(response.status, 504, path)
      assert.match(
        (code as (body: unknown) => string)(await bodyOf(response)),
        /upstream_timeout|api_error|did not answer/,
      )
    }
    assertConserved(env)
  })

  it('that cannot be reached is a 502', async () => {
    await using good = await startTestEnv(unary)
    const { openUpstreams } = await import('../upstreams/upstreams.http.ts')
    await using nowhere = await openUpstreams({
      urls: ['http://127.0.0.1:1'],
      file: undefined,
      defaults: {
        connectTimeoutMs: 300,
        firstByteTimeoutMs: 300,
        idleTimeoutMs: 300,
        maxUpstreamConnections: 1,
      },
    })
    await using env = await startTestEnv(unary, { upstreams: nowhere })
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 502)
    assert.equal((await bodyOf(response)).error.code, 'upstream_unreachable')
    assert.equal(env.named('requests.failed')[0]!.data.phase, 'connect')
    assert.ok(good.url)
    assertConserved(env)
  })
})
