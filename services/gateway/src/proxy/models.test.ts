import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planTestEnv } from '../upstreams/test-plan.ts'
import { answering, fakeServer } from '../upstreams/test-servers.ts'
import { KEY, startTestEnv, type TestEnv } from './test-proxy.ts'

const CHAT = '/v1/chat/completions'
const unused = () => assert.fail('the stand has its own upstreams')
const get = (env: TestEnv, path: string, headers: Record<string, string> = {}) =>
  fetch(env.url + path, { headers: { authorization: `Bearer ${KEY}`, ...headers } })
const post = (env: TestEnv, path: string, body: object) =>
  fetch(env.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

describe('lists of models', () => {
  const plan = { upstreams: [{ name: 'a', url: 'http://never.example', models: ['m1', 'org/m2'] }] }

  it('come in the shape of the API that is spoken, at no cost, as one ending and one settlement', async () => {
    await using routes = await planTestEnv(plan)
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    assert.deepEqual(await (await get(env, '/v1/models')).json(), {
      object: 'list',
      data: ['m1', 'org/m2'].map(id => ({ object: 'model', created: 0, owned_by: 'a', id })),
    })
    const anthropic = (await (
      await get(env, '/v1/models?limit=9', { 'anthropic-version': '2023-06-01' })
    ).json()) as {
      data: Array<{ id: string; type: string }>
      has_more: boolean
    }
    assert.deepEqual(
      [anthropic.data[1]!.id, anthropic.data[1]!.type, anthropic.has_more],
      ['org/m2', 'model', false],
    )
    const tags = (await (await get(env, '/api/tags')).json()) as { models: Array<{ name: string }> }
    assert.deepEqual(
      tags.models.map(({ name }) => name),
      ['m1', 'org/m2'],
    )
    for (const id of ['org/m2', 'org%2Fm2']) {
      assert.equal(((await (await get(env, `/v1/models/${id}`)).json()) as { id: string }).id, 'org/m2')
    }
    const count = (name: Parameters<TestEnv['named']>[0]) => env.named(name).length
    assert.deepEqual(
      [count('requests.admitted'), count('requests.completed'), count('tokens.settled')],
      [5, 5, 5],
    )
    for (const { data } of env.named('requests.admitted')) assert.equal(data.reserved, 0)
    for (const { data } of env.named('tokens.settled')) assert.equal(data.total, 0)
    assert.equal(env.running.size, 0)
  })

  it('of one server whose list is nested too deep is left out, and the gateway lives', async () => {
    const depth = 9_000
    const nested = '['.repeat(depth) + ']'.repeat(depth)
    await using deep = await fakeServer(answering(`{"data":[{"id":"m","x":${nested}}]}`))
    const one = [{ name: 'deep', url: deep.url }]
    for (const [upstreams, status] of [
      [one, 502],
      [[...one, ...plan.upstreams], 200],
    ] as const) {
      await using routes = await planTestEnv({ upstreams })
      await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
      const listed = await get(env, '/v1/models')
      assert.equal(listed.status, status)
      if (status === 200) assert.equal(((await listed.json()) as { data: unknown[] }).data.length, 2)
    }
  })

  it('need a key, and know what there is not', async () => {
    await using routes = await planTestEnv(plan)
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    assert.equal((await get(env, '/v1/models', { authorization: 'Bearer wrong' })).status, 401)
    const missing = await get(env, '/v1/models/nope')
    assert.equal(missing.status, 404)
    assert.equal(((await missing.json()) as { error: { code: string } }).error.code, 'model_not_found')
    const other = await get(env, '/v1/models/nope', { 'anthropic-version': '2023-06-01' })
    const body = (await other.json()) as { type: string; error: { type: string } }
    assert.deepEqual([other.status, body.type, body.error.type], [404, 'error', 'not_found_error'])
    assert.equal(env.named('requests.failed').length, 2)
    assert.equal(env.named('tokens.settled').length, 2)
  })
})

describe('a call', () => {
  it('of a model that no upstream serves is refused in its dialect before anything is reserved', async () => {
    await using routes = await planTestEnv({
      upstreams: [{ name: 'a', url: 'http://never.example', models: ['m1'] }],
    })
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    const openai = await post(env, CHAT, { model: 'm2' })
    assert.equal(openai.status, 404)
    assert.equal(((await openai.json()) as { error: { code: string } }).error.code, 'model_not_found')
    const anthropic = (await (await post(env, '/v1/messages', { model: 'm2' })).json()) as {
      error: { type: string }
    }
    assert.equal(anthropic.error.type, 'not_found_error')
    const ollama = (await (await post(env, '/api/chat', { model: 'm2' })).json()) as { error: string }
    assert.match(ollama.error, /"m2" does not exist/)
    env.deps.refusals.flushAll(performance.now())
    assert.deepEqual(
      env.named('requests.refused').map(({ data }) => [data.reason, data.status, data.count]),
      [
        ['not_found', 404, 1],
        ['not_found', 404, 2],
      ],
    )
    assert.equal(env.named('requests.admitted').length, 0)
  })

  it('tells in its facts how many upstreams were tried, and in its answer which model it was', async () => {
    await using bad = await fakeServer(answering('{}', 503))
    await using good = await fakeServer(answering('{"usage":{"prompt_tokens":1,"completion_tokens":2}}'))
    await using routes = await planTestEnv({
      upstreams: [
        { name: 'bad', url: bad.url, models: ['big'] },
        { name: 'good', url: good.url, models: ['small'] },
      ],
      fallbacks: { big: ['small'] },
      retry: { maxAttempts: 2, baseDelayMs: 1 },
    })
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    const response = await post(env, CHAT, { model: 'big' })
    assert.deepEqual([response.status, response.headers.get('x-fluxgate-model')], [200, 'small'])
    const [completed] = env.named('requests.completed')
    assert.deepEqual([completed!.data.attempts, completed!.data.upstream], [3, 'good'])
    assert.equal(env.named('tokens.settled')[0]!.data.total, 3)
    assert.equal((await post(env, CHAT, { model: 'small' })).status, 200)
    assert.equal(env.named('requests.completed')[1]!.data.attempts, undefined)
  })

  it('that finds all upstreams full is asked to retry, in its dialect', async () => {
    await using full = await fakeServer(() => {})
    await using routes = await planTestEnv({
      upstreams: [{ name: 'a', url: full.url, maxInFlight: 1 }],
      queue: { maxWaitMs: 50 },
    })
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    const leave = new AbortController()
    const first = fetch(`${env.url}${CHAT}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: '{}',
      signal: leave.signal,
    }).catch(() => undefined)
    while (full.bodies.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
    const refused = await post(env, '/v1/messages', { model: 'm' })
    assert.equal(refused.status, 503)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal(((await refused.json()) as { error: { type: string } }).error.type, 'overloaded_error')
    assert.equal(env.named('requests.failed')[0]!.data.code, 'overloaded')
    leave.abort()
    await first
  })

  it('whose answer cannot be decoded passes as it is, and is settled by estimate', async () => {
    const bytes = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8])
    await using odd = await fakeServer(response => {
      response.writeHead(200, { 'content-encoding': 'x-odd', 'content-type': 'application/json' }).end(bytes)
    })
    await using routes = await planTestEnv({ upstreams: [{ name: 'a', url: odd.url }] })
    await using env = await startTestEnv(unused, { upstreams: routes.upstreams })
    const response = await post(env, CHAT, { model: 'm' })
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes)
    assert.equal(response.headers.get('content-encoding'), 'x-odd')
    const [settled] = env.named('tokens.settled')
    assert.deepEqual([settled!.data.usage.output, settled!.data.source], [2, 'estimated'])
  })
})
