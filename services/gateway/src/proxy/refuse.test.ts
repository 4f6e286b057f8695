import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { eventually } from '@fluxgate/testing'
import { bodyOf, CHAT, post, startTestEnv, unary } from './test-proxy.ts'

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
    [
      'a stored response',
      400,
      'unsupported_parameter',
      () => ['/v1/responses', { model: 'm', input: 'x', previous_response_id: 'resp_1' }],
    ],
    ['an oversized body', 413, 'request_too_large', () => [CHAT, `{"x":"${'x'.repeat(100_001)}"}`]],
    ['an unknown Ollama call', 404, '', () => ['/api/delete', { model: 'm' }]],
    ['an unknown route', 404, 'unknown_url', () => ['/v2/chat', {}]],
  ]
  for (const [what, status, code, call] of refusals) {
    it(`of ${what} is a ${status} with an event`, async () => {
      await using env = await startTestEnv(unary)
      const response = await post(env, ...call())
      assert.equal(response.status, status)
      const body = await bodyOf(response)
      if (code) assert.equal(body.error.code, code)
      else assert.equal(typeof body.error, 'string')
      const refused = env.named('requests.refused')
      assert.equal(refused.length, 1)
      assert.equal(refused[0]!.data.status, status)
      assert.equal(env.named('auth.key_rejected').length, status === 401 ? 1 : 0)
      assert.equal(env.named('requests.admitted').length, 0)
    })
  }

  it('by the tier says how long to wait', async () => {
    await using env = await startTestEnv(unary)
    assert.equal((await post(env, CHAT, { max_tokens: 5_000 })).status, 200)
    env.deps.limits.settle('u1.k1', 'free', 6_000, false, performance.now())
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 429)
    assert.ok(Number(response.headers.get('retry-after')) >= 1)
    assert.ok(Number(response.headers.get('retry-after-ms')) > 0)
    assert.equal(response.headers.get('x-ratelimit-remaining-tokens'), '0')
    assert.equal((await bodyOf(response)).error.code, 'rate_limit_exceeded')
    const [refused] = env.named('requests.refused')
    assert.deepEqual([refused!.data.reason, refused!.data.limit], ['rate_limited', 'tokens'])
  })

  it('by the requests of a minute and by streams at once names the limit', async () => {
    await using env = await startTestEnv((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
    })
    const free = { capacity: 1e6, refillRate: 0, requestsPerMinute: 2, concurrentStreams: 1 }
    env.deps.limits.setPolicy({ tiers: { free }, identities: {} }, performance.now())
    const first = await post(env, CHAT, { stream: true })
    assert.equal(first.status, 200)
    const second = await post(env, CHAT, { stream: true })
    assert.equal(second.status, 429)
    assert.equal(second.headers.get('retry-after'), '1')
    assert.equal((await bodyOf(second)).error.code, 'streams_limit_exceeded')
    await first.body?.cancel()
    await eventually(() => assert.equal(env.running.size, 0))
    const third = await post(env, CHAT, { stream: true })
    assert.equal(third.status, 200)
    await third.body?.cancel()
    await eventually(() => assert.equal(env.running.size, 0))
    const fourth = await post(env, '/v1/messages', {})
    assert.equal(fourth.status, 429)
    const waitS = Number(fourth.headers.get('retry-after'))
    assert.ok(waitS >= 1 && waitS <= 30, `${waitS} s`)
    assert.equal(fourth.headers.get('anthropic-ratelimit-requests-limit'), '2')
    assert.equal(fourth.headers.get('anthropic-ratelimit-requests-remaining'), '0')
    const { type, error } = (await fourth.json()) as { type: string; error: Record<string, string> }
    assert.deepEqual([type, error.type], ['error', 'rate_limit_error'])
    assert.match(error.message ?? '', /^Rate limit reached: 2 requests per minute\. Please try again in \d/)
    assert.deepEqual(
      env.named('requests.refused').map(event => event.data.limit),
      ['streams', 'requests'],
    )
  })

  it('has no retry-after when waiting never helps', async () => {
    await using env = await startTestEnv(unary)
    const free = { capacity: 100, refillRate: 0 }
    env.deps.limits.setPolicy({ tiers: { free }, identities: {} }, performance.now())
    env.deps.limits.settle('u1.k1', 'free', 100, false, performance.now())
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 429)
    assert.equal(response.headers.get('retry-after'), null)
    assert.equal(response.headers.get('x-should-retry'), 'false')
  })

  it('by a throttle tells clients not to wait when it is long', async () => {
    await using env = await startTestEnv(unary)
    const base = {
      refillRate: 1,
      imposedAt: 0,
      reason: 'too many tokens',
      rule: 'context_flood',
      actor: 'guard',
    }
    env.throttles.set('u1.k1', { ...base, capacity: 0, refillRate: 0, until: Date.now() + 3_600_000 })
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 429)
    assert.equal(response.headers.get('x-should-retry'), 'false')
    const { error } = await bodyOf(response)
    assert.equal(error.code, 'throttled')
    assert.match(error.message, /too many tokens/)
    env.throttles.delete('u1.k1')
    assert.equal((await post(env, CHAT, {})).status, 200, 'pardoned')
  })

  it('bars an address from which keys were guessed, for every key that is not known here, right or wrong', async () => {
    await using env = await startTestEnv(unary)
    const block = { capacity: 0, refillRate: 0, imposedAt: 0, reason: 'guessing', rule: 'r', actor: 'guard' }
    const { user, key } = addressIdentity('127.0.0.1')
    env.throttles.set(`${user}.${key}`, { ...block, until: Date.now() + 60_000 })
    for (const given of ['sk_live_wrong', 'slow-key']) {
      const response = await post(env, CHAT, {}, { authorization: `Bearer ${given}` })
      assert.deepEqual([response.status, (await bodyOf(response)).error.code], [429, 'throttled'], given)
    }
    assert.deepEqual(env.named('auth.key_rejected'), [])
    assert.equal((await post(env, CHAT, {})).status, 200, 'a key that this node knows')
    env.throttles.set(`${user}.${key}`, { ...block, until: Date.now() - 1 })
    const after = await post(env, CHAT, {}, { authorization: 'Bearer sk_live_wrong' })
    assert.equal(after.status, 401)
  })

  it('because the log is full loses no fact', async () => {
    await using env = await startTestEnv(unary, { logFull: () => true })
    const response = await post(env, CHAT, {})
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('retry-after'), '2')
  })
})
