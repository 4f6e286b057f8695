import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { anonymous } from './proxy.ts'
import { KEY, startStand, type TestStand, type Upstream } from './test-stand.ts'

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
const SSE = { 'content-type': 'text/event-stream' }
const CHAT = '/v1/chat/completions'

const unary: Upstream = (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ message: { content: 'hi' } }], usage: USAGE }))
}

interface Body {
  readonly error: { readonly code: string; readonly message: string }
  readonly usage: unknown
}
const bodyOf = (response: Response) => response.json() as Promise<Body>

function post(
  stand: TestStand,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) {
  return fetch(stand.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
}

/** Exactly one ending and one settlement for each admitted request. */
function assertConserved(stand: TestStand): void {
  const ids = (names: string[]) =>
    stand.events
      .filter(event => names.some(name => event.type === `fluxgate.${name}`))
      .map(event => (event.data as { request: string }).request)
      .sort()
  const admitted = ids(['requests.admitted'])
  assert.deepEqual(ids(['requests.completed', 'requests.failed', 'requests.interrupted']), admitted)
  assert.deepEqual(ids(['tokens.settled']), admitted)
}

describe('a plain call', () => {
  it('is passed on, answered, and told in four facts', async () => {
    let seen: { url: string | undefined; key: string | undefined; body: string } | undefined
    await using stand = await startStand((request, response, body) => {
      seen = { url: request.url, key: request.headers.authorization, body }
      unary(request, response, body)
    })
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const body = '{"model":"m1", "messages":[{"role":"user","content":"Hello"}]}'
    const response = await post(stand, `${CHAT}?api-version=1`, body, { traceparent })
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
      stand.events.map(event => event.type),
      ['requests.admitted', 'auth.key_accepted', 'requests.completed', 'tokens.settled'].map(
        name => `fluxgate.${name}`,
      ),
    )
    const [settled] = stand.named('tokens.settled')
    assert.deepEqual(
      [settled!.data.total, settled!.data.source, settled!.traceparent],
      [15, 'reported', traceparent],
    )
    const left = stand.deps.limits.tokensLeft(performance.now())['u1.k1'] ?? 0
    assert.ok(left >= 4_985 && left < 5_000, `${left}`)
    assertConserved(stand)
  })

  it('waits for a key that is not cached', async () => {
    await using stand = await startStand(unary)
    assert.equal((await post(stand, CHAT, {}, { authorization: 'Bearer slow-key' })).status, 200)
    assert.equal((await post(stand, CHAT, {}, { authorization: '', 'x-api-key': KEY })).status, 401)
    const response = await fetch(stand.url + CHAT, {
      method: 'POST',
      body: '{}',
      headers: { 'x-api-key': KEY },
    })
    assert.equal(response.status, 200)
  })

  it('may have no body and then costs nothing', async () => {
    await using stand = await startStand((_request, response) => response.end('{"data":[]}'))
    const response = await fetch(`${stand.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } })
    assert.deepEqual(await response.json(), { object: 'list', data: [] })
    assert.equal(stand.named('tokens.settled')[0]!.data.total, 0)
    assertConserved(stand)
  })

  it('that the upstream refuses is a complete answer and costs nothing', async () => {
    await using stand = await startStand((_request, response) => {
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"error":{"message":"no such model"}}')
    })
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 404)
    assert.match(await response.text(), /no such model/)
    assert.equal(stand.named('requests.completed')[0]!.data.status, 404)
    assert.equal(stand.named('tokens.settled')[0]!.data.total, 0)
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
    await using stand = await startStand((request, response, body) => {
      asked = body
      void streamed(request, response, body)
    })
    const response = await post(stand, CHAT, { stream: true })
    assert.equal(await response.text(), frames[0]! + frames[2]!)
    assert.equal(response.headers.get('content-length'), null)
    assert.equal(response.headers.get('x-accel-buffering'), 'no')
    assert.equal(JSON.parse(asked).stream_options.include_usage, true)
    assert.equal(stand.named('tokens.settled')[0]!.data.total, 15)
  })

  it('comes whole when the client asked for usage itself', async () => {
    await using stand = await startStand(streamed)
    const response = await post(stand, CHAT, { stream: true, stream_options: { include_usage: true } })
    assert.equal(await response.text(), frames.join(''))
  })

  it('arrives piece by piece, and its first piece before its last is made', async () => {
    let finish = () => {}
    await using stand = await startStand((_request, response) => {
      response.writeHead(200, SSE)
      response.write(frames[0])
      finish = () => response.end(frames[2])
    })
    const response = await post(stand, CHAT, { stream: true })
    const reader = response.body!.getReader()
    assert.equal(Buffer.from((await reader.read()).value!).toString(), frames[0])
    finish()
    assert.equal(Buffer.from((await reader.read()).value!).toString(), frames[2])
    assert.ok((await reader.read()).done)
  })

  it('that breaks in the middle ends with an error frame, fails, and is settled for what came', async () => {
    await using stand = await startStand((_request, response) => {
      response.writeHead(200, SSE)
      response.write(frames[0])
      setTimeout(() => response.destroy(), 20)
    })
    const text = await (await post(stand, CHAT, { stream: true })).text()
    assert.ok(text.startsWith(frames[0]!))
    assert.equal(JSON.parse(text.slice(frames[0]!.length + 'data: '.length)).error.code, 'upstream_broken')
    assert.ok(!text.includes('[DONE]'))
    const [failed] = stand.named('requests.failed')
    assert.deepEqual([failed!.data.phase, failed!.data.status], ['stream', 200])
    const [settled] = stand.named('tokens.settled')
    assert.deepEqual([settled!.data.completion, settled!.data.source], [1, 'estimated'])
    assertConserved(stand)
  })

  it('whose client leaves is stopped at the upstream within 100 ms and settled', async () => {
    let upstreamClosedMs = 0
    await using stand = await startStand((_request, response) => {
      response.writeHead(200, SSE)
      const writing = setInterval(() => response.write(frames[0]), 5)
      response.on('close', () => {
        clearInterval(writing)
        upstreamClosedMs = performance.now()
      })
    })
    const leave = new AbortController()
    const response = await post(stand, CHAT, { stream: true }, {}, leave.signal)
    await response.body!.getReader().read()
    const leftMs = performance.now()
    leave.abort()
    await eventually(() => assert.ok(upstreamClosedMs > 0))
    assert.ok(upstreamClosedMs - leftMs < 500, `${upstreamClosedMs - leftMs} ms`)
    await eventually(() => assert.equal(stand.named('requests.interrupted').length, 1))
    assert.equal(stand.named('requests.interrupted')[0]!.data.by, 'client')
    assert.ok(stand.named('tokens.settled')[0]!.data.completion >= 1)
    assert.equal(stand.running.size, 0)
    assertConserved(stand)
  })

  it('of more than a second tells its progress, which its settlement counts in', async () => {
    await using stand = await startStand(async (_request, response) => {
      response.writeHead(200, SSE)
      for (let i = 0; i < 30; i++) {
        response.write(frames[0])
        await new Promise(resolve => setTimeout(resolve, 50))
      }
      response.end(frames[1]! + frames[2]!)
    })
    await (await post(stand, CHAT, { stream: true })).text()
    const progressed = stand.named('tokens.progressed')
    assert.equal(progressed.length, 1)
    assert.equal(progressed[0]!.data.delta, progressed[0]!.data.prompt + progressed[0]!.data.completion)
    assert.equal(stand.named('tokens.settled')[0]!.data.progressed, progressed[0]!.data.delta)
  })

  it('does not run ahead of a client that does not read', async () => {
    let written = 0
    await using stand = await startStand((_request, response) => {
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
    const response = await post(stand, CHAT, { stream: true })
    const reader = response.body!.getReader()
    await reader.read()
    await new Promise(resolve => setTimeout(resolve, 500))
    assert.ok(written < 40_000_000, `the upstream wrote ${written} bytes`)
    await reader.cancel()
  })
})

describe('an upstream', () => {
  it('that hangs before its first byte is a 504 in the dialect of the path', async () => {
    await using stand = await startStand(() => {})
    for (const [path, code] of [
      [CHAT, (body: { error: { code: string } }) => body.error.code],
      ['/v1/messages', (body: { type: string; error: { type: string } }) => body.error.type],
      ['/api/chat', (body: { error: string }) => body.error],
    ] as const) {
      const response = await post(stand, path, {})
      assert.equal(response.status, 504, path)
      assert.match(
        (code as (body: unknown) => string)(await bodyOf(response)),
        /upstream_timeout|api_error|did not answer/,
      )
    }
    assertConserved(stand)
  })

  it('that cannot be reached is a 502', async () => {
    await using good = await startStand(unary)
    const { openUpstreams } = await import('../out/upstreams/upstreams.ts')
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
    await using stand = await startStand(unary, { upstreams: nowhere })
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 502)
    assert.equal((await bodyOf(response)).error.code, 'upstream_unreachable')
    assert.equal(stand.named('requests.failed')[0]!.data.phase, 'connect')
    assert.ok(good.url)
    assertConserved(stand)
  })
})

describe('a refusal', () => {
  const refusals: Array<
    [string, number, string, () => Parameters<typeof post> extends [unknown, ...infer Rest] ? Rest : never]
  > = [
    ['an unknown key', 401, 'invalid_api_key', () => [CHAT, {}, { authorization: 'Bearer wrong' }]],
    ['a revoked key', 401, 'invalid_api_key', () => [CHAT, {}, { authorization: 'Bearer revoked-key' }]],
    ['another scheme', 401, 'invalid_api_key', () => [CHAT, {}, { authorization: 'Basic eA==' }]],
    [
      'no answer of the database',
      503,
      'keys_unavailable',
      () => [CHAT, {}, { authorization: 'Bearer no-database' }],
    ],
    ['malformed JSON', 400, 'invalid_json', () => [CHAT, '{"model":']],
    ['no body', 400, 'invalid_json', () => [CHAT, '']],
    ['an oversized body', 413, 'request_too_large', () => [CHAT, `{"x":"${'x'.repeat(100_001)}"}`]],
    ['an unknown Ollama call', 404, '', () => ['/api/delete', { model: 'm' }]],
    ['an unknown route', 404, 'unknown_url', () => ['/v2/chat', {}]],
  ]
  for (const [what, status, code, call] of refusals) {
    it(`of ${what} is a ${status} with an event`, async () => {
      await using stand = await startStand(unary)
      const response = await post(stand, ...call())
      assert.equal(response.status, status)
      const body = await bodyOf(response)
      if (code) assert.equal(body.error.code, code)
      else assert.equal(typeof body.error, 'string')
      const refused = stand.named('requests.refused')
      assert.equal(refused.length, 1)
      assert.equal(refused[0]!.data.status, status)
      assert.equal(stand.named('auth.key_rejected').length, status === 401 ? 1 : 0)
      assert.equal(stand.named('requests.admitted').length, 0)
    })
  }

  it('by the tier says how long to wait', async () => {
    await using stand = await startStand(unary)
    assert.equal((await post(stand, CHAT, { max_tokens: 5_000 })).status, 200)
    stand.deps.limits.settle('u1.k1', 'free', 5_000, false, performance.now())
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 429)
    assert.ok(Number(response.headers.get('retry-after')) >= 1)
    assert.ok(Number(response.headers.get('retry-after-ms')) > 0)
    assert.equal(response.headers.get('x-ratelimit-remaining-tokens'), '0')
    assert.equal((await bodyOf(response)).error.code, 'rate_limit_exceeded')
    const [refused] = stand.named('requests.refused')
    assert.deepEqual([refused!.data.reason, refused!.data.limit], ['rate_limited', 'tokens'])
  })

  it('by the requests of a minute and by streams at once names the limit', async () => {
    await using stand = await startStand((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
    })
    const free = { capacity: 1e6, refillRate: 0, requestsPerMinute: 2, concurrentStreams: 1 }
    stand.deps.limits.setPolicy({ tiers: { free }, identities: {} }, performance.now())
    const first = await post(stand, CHAT, { stream: true })
    assert.equal(first.status, 200)
    const second = await post(stand, CHAT, { stream: true })
    assert.equal(second.status, 429)
    assert.equal(second.headers.get('retry-after'), '1')
    assert.equal((await bodyOf(second)).error.code, 'streams_limit_exceeded')
    await first.body?.cancel()
    await eventually(() => assert.equal(stand.running.size, 0))
    const third = await post(stand, CHAT, { stream: true })
    assert.equal(third.status, 200)
    await third.body?.cancel()
    await eventually(() => assert.equal(stand.running.size, 0))
    const fourth = await post(stand, '/v1/messages', {})
    assert.equal(fourth.status, 429)
    const waitS = Number(fourth.headers.get('retry-after'))
    assert.ok(waitS >= 1 && waitS <= 30, `${waitS} s`)
    assert.equal(fourth.headers.get('anthropic-ratelimit-requests-limit'), '2')
    assert.equal(fourth.headers.get('anthropic-ratelimit-requests-remaining'), '0')
    const { type, error } = (await fourth.json()) as { type: string; error: Record<string, string> }
    assert.deepEqual([type, error.type], ['error', 'rate_limit_error'])
    assert.match(error.message ?? '', /^Rate limit reached: 2 requests per minute\. Please try again in \d/)
    assert.deepEqual(
      stand.named('requests.refused').map(event => event.data.limit),
      ['streams', 'requests'],
    )
  })

  it('tells nobody to wait for what never comes', async () => {
    await using stand = await startStand(unary)
    const free = { capacity: 100, refillRate: 0 }
    stand.deps.limits.setPolicy({ tiers: { free }, identities: {} }, performance.now())
    stand.deps.limits.settle('u1.k1', 'free', 100, false, performance.now())
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 429)
    assert.equal(response.headers.get('retry-after'), null)
    assert.equal(response.headers.get('x-should-retry'), 'false')
  })

  it('by a throttle tells clients not to wait when it is long', async () => {
    await using stand = await startStand(unary)
    const base = {
      refillRate: 1,
      imposedAt: 0,
      reason: 'too many tokens',
      rule: 'context_flood',
      actor: 'guard',
    }
    stand.throttles.set('u1.k1', { ...base, capacity: 0, refillRate: 0, until: Date.now() + 3_600_000 })
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 429)
    assert.equal(response.headers.get('x-should-retry'), 'false')
    const { error } = await bodyOf(response)
    assert.equal(error.code, 'throttled')
    assert.match(error.message, /too many tokens/)
    stand.throttles.delete('u1.k1')
    assert.equal((await post(stand, CHAT, {})).status, 200, 'pardoned')
  })

  it('bars an address from which keys were guessed, for every key that is not known here, right or wrong', async () => {
    await using stand = await startStand(unary)
    const block = { capacity: 0, refillRate: 0, imposedAt: 0, reason: 'guessing', rule: 'r', actor: 'guard' }
    const { user, key } = anonymous('127.0.0.1')
    stand.throttles.set(`${user}.${key}`, { ...block, until: Date.now() + 60_000 })
    for (const given of ['sk_live_wrong', 'slow-key']) {
      const response = await post(stand, CHAT, {}, { authorization: `Bearer ${given}` })
      assert.deepEqual([response.status, (await bodyOf(response)).error.code], [429, 'throttled'], given)
    }
    assert.deepEqual(stand.named('auth.key_rejected'), [])
    assert.equal((await post(stand, CHAT, {})).status, 200, 'a key that this node knows')
    stand.throttles.set(`${user}.${key}`, { ...block, until: Date.now() - 1 })
    const after = await post(stand, CHAT, {}, { authorization: 'Bearer sk_live_wrong' })
    assert.equal(after.status, 401)
  })

  it('because the log is full loses no fact', async () => {
    await using stand = await startStand(unary, { logFull: () => true })
    const response = await post(stand, CHAT, {})
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('retry-after'), '2')
  })
})
