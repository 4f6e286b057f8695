import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { eventually, freePort } from '@fluxgate/testing'
import { planTestEnv } from './test-plan.ts'
import { answering, fakeServer, send, tcpServer } from './test-servers.ts'

const OK = '{"ok":true}'
const upstream = (name: string, url: string, rest: object = {}) => ({ name, url, ...rest })

describe('the choice of an upstream', () => {
  it('is by model and dialect; credentials and names are the upstream’s own', async () => {
    let seen: Record<string, unknown> = {}
    await using server = await fakeServer((response, { headers, url }) => {
      seen = { url, key: headers['x-api-key'], authorization: headers.authorization, org: headers['x-org'] }
      response.end(OK)
    })
    const plan = {
      upstreams: [
        upstream('one', `${server.url}/base`, {
          credentials: { header: 'x-api-key', value: `\${env:KEY}` },
          headers: { 'x-org': 'o' },
          aliases: { fast: 'claude-x' },
          dialects: ['anthropic'],
        }),
        upstream('two', server.url, { models: ['gpt-*'], dialects: ['openai'] }),
      ],
    }
    await using env = await planTestEnv(plan, { KEY: 'k' })
    const body = '{ "seed": 1.0, "model" : "fast" }'
    const call = { path: '/v1/messages', dialect: 'anthropic', model: 'fast', body } as const
    assert.deepEqual((await send(env.upstreams, call).outcome).attempts, [['one', undefined]])
    assert.deepEqual(seen, { url: '/base/v1/messages', key: 'k', authorization: undefined, org: 'o' })
    assert.equal(server.bodies[0], '{ "seed": 1.0, "model" : "claude-x" }')
    assert.deepEqual((await send(env.upstreams, { model: 'gpt-5' }).outcome).attempts, [['two', undefined]])
    const unknown = await send(env.upstreams, { model: 'fast' }).outcome
    assert.deepEqual([unknown.error?.code, unknown.error?.status], ['model_not_found', 404])
    assert.equal(env.upstreams.serves('fast', 'anthropic'), true)
    assert.equal(env.upstreams.serves('fast', 'openai'), false)
    assert.equal(env.upstreams.serves('', 'openai'), true)
  })

  it('levels out calls, and leaves one alone that asked for it', async () => {
    await using one = await fakeServer(answering(OK))
    await using two = await fakeServer((response, request, body, count) =>
      count === 5
        ? answering('{}', 429, { 'retry-after': '30' })(response, request, body, count)
        : answering(OK)(response, request, body, count),
    )
    await using env = await planTestEnv({ upstreams: [upstream('one', one.url), upstream('two', two.url)] })
    for (let i = 0; i < 100; i++) assert.equal((await send(env.upstreams).outcome).status, 200)
    assert.equal(two.bodies.length, 5)
    assert.equal(one.bodies.length, 96)
  })
})

describe('a circuit', () => {
  it('opens, refuses at once, lets a probe through and closes', async () => {
    let isDown = true
    await using server = await fakeServer((...all) => answering(OK, isDown ? 503 : 200)(...all))
    const plan = {
      upstreams: [upstream('a', server.url)],
      retry: { maxAttempts: 1 },
      circuit: { failures: 3, openMs: 400, maxOpenMs: 400 },
    }
    let now = 0
    await using env = await planTestEnv(plan, {}, { nowMs: () => now })
    const state = () => env.upstreams.report().upstreams[0]!.circuit
    for (let i = 0; i < 3; i++) assert.equal((await send(env.upstreams).outcome).status, 503)
    assert.equal(state(), 'open')
    const refused = await send(env.upstreams).outcome
    assert.equal(refused.error?.code, 'no_healthy_upstream')
    assert.ok((refused.error?.retryAfterMs ?? 0) >= 1_000)
    assert.equal(server.bodies.length, 3)
    now += 400
    assert.equal(state(), 'half_open')
    await send(env.upstreams).outcome
    assert.equal(server.bodies.length, 4, 'the probe')
    assert.equal(state(), 'open', 'it failed')
    isDown = false
    now += 400
    assert.equal(state(), 'half_open')
    assert.equal((await send(env.upstreams).outcome).status, 200)
    assert.equal(state(), 'closed')
  })

  it('is not needed where a health check fails, and its next success brings the upstream back', async () => {
    let isDown = false
    const checks: string[] = []
    await using server = await fakeServer((response, request) => {
      if (request.url === '/base/healthz') checks.push(String(request.headers['x-key']))
      response.writeHead(isDown ? 500 : 204).end()
    })
    const health = { path: '/healthz', intervalMs: 50, expect: [204], failures: 2 }
    const plan = { upstreams: [upstream('a', `${server.url}/base`, { health, headers: { 'x-key': 'k' } })] }
    await using env = await planTestEnv(plan)
    const isHealthy = () => env.upstreams.report().upstreams[0]!.healthy
    await eventually(() => assert.ok(checks.length >= 2))
    assert.equal(isHealthy(), true)
    isDown = true
    await eventually(() => assert.equal(isHealthy(), false))
    assert.equal((await send(env.upstreams).outcome).error?.code, 'no_healthy_upstream')
    assert.match(env.upstreams.report().upstreams[0]!.lastError!.message, /status 500/)
    isDown = false
    await eventually(() => assert.equal(isHealthy(), true))
    assert.deepEqual(new Set(checks), new Set(['k']))
  })
})

describe('a full upstream', () => {
  it('lets calls wait in their order, and refuses those that wait too long or are too many', async () => {
    const open: Array<() => void> = []
    await using server = await fakeServer(response => void open.push(() => response.end(OK)))
    const plan = {
      upstreams: [upstream('a', server.url, { maxInFlight: 1 })],
      queue: { maxWaitMs: 20_000, maxWaiting: 2 },
    }
    await using env = await planTestEnv(plan)
    const first = send(env.upstreams, { body: '1' })
    const second = send(env.upstreams, { body: '2' })
    const third = send(env.upstreams, { body: '3' })
    const fourth = await send(env.upstreams, { body: '4' }).outcome
    assert.deepEqual(
      [fourth.error?.code, fourth.error?.status, fourth.error?.reason],
      ['overloaded', 503, 'overloaded'],
    )
    assert.equal(env.upstreams.report().waiting, 2)
    second.control.abort(new Error('left'))
    assert.equal(env.upstreams.report().waiting, 1)
    await eventually(() => assert.equal(open.length, 1))
    open.shift()!()
    assert.equal((await first.outcome).text, OK)
    await eventually(() => assert.equal(open.length, 1))
    assert.deepEqual(server.bodies, ['1', '3'])
    open.shift()!()
    assert.equal((await third.outcome).text, OK)
    assert.deepEqual(second.said, [])
    assert.equal(env.upstreams.report().upstreams[0]!.inFlight, 0)
  })

  it('refuses a call whose wait is over, with the time to come again', async () => {
    await using server = await tcpServer(() => {})
    const plan = { upstreams: [upstream('a', server.url, { maxInFlight: 1 })], queue: { maxWaitMs: 100 } }
    await using env = await planTestEnv(plan)
    const first = send(env.upstreams)
    const { error } = await send(env.upstreams).outcome
    assert.deepEqual([error?.code, error?.retryAfterMs], ['overloaded', 1_000])
    assert.equal(env.upstreams.report().waiting, 0)
    first.control.abort(new Error('left'))
  })
})

describe('a fallback model', () => {
  it('is used when the first cannot be had, in the order given, and only so far', async () => {
    await using bad = await fakeServer(answering('{"error":"big is down"}', 503))
    await using good = await fakeServer(answering(OK))
    const plan = {
      upstreams: [
        upstream('bad', bad.url, { models: ['big', 'bigger'] }),
        upstream('good', good.url, { models: ['small'], aliases: { tiny: 'small' } }),
      ],
      fallbacks: { big: ['nobody', 'bigger', 'tiny'], bigger: ['big'] },
      retry: { maxAttempts: 2, baseDelayMs: 1 },
    }
    await using env = await planTestEnv(plan)
    const { status, attempts } = await send(env.upstreams, { model: 'big', body: '{"model":"big","n":1}' })
      .outcome
    assert.equal(status, 200)
    assert.deepEqual(attempts, [
      ['bad', undefined],
      ['bad', undefined],
      ['bad', 'bigger'],
      ['good', 'tiny'],
    ])
    assert.deepEqual(good.bodies, ['{"model":"small","n":1}'])
    const end = await send(env.upstreams, { model: 'bigger' }).outcome
    assert.deepEqual(
      [end.status, end.text],
      [503, '{"error":"big is down"}'],
      'fallbacks of fallbacks are not used',
    )
    assert.equal(env.upstreams.report().fallbacks, 3)
  })
})

describe('UPSTREAMS_FILE', () => {
  it('is taken up when it changes; calls of an upstream that has gone end in their time', async () => {
    let finish = () => {}
    await using one = await fakeServer(response => {
      response.write('{"half":')
      finish = () => response.end('1}')
    })
    await using two = await fakeServer(answering(OK))
    await using env = await planTestEnv({ upstreams: [upstream('one', one.url)] })
    const running = send(env.upstreams)
    await eventually(() => assert.equal(one.bodies.length, 1))
    await env.replace({ upstreams: [upstream('two', two.url)] })
    const names = () => env.upstreams.report().upstreams.map(({ name }) => name)
    await eventually(() => assert.deepEqual(names(), ['two']))
    assert.equal((await send(env.upstreams).outcome).text, OK)
    finish()
    assert.equal((await running.outcome).text, '{"half":1}')
  })

  it('is left as it was when the new one is broken, gone or unreadable, and says why', async () => {
    await using one = await fakeServer(answering(OK))
    const good = { upstreams: [upstream('one', one.url)] }
    const warned: string[] = []
    const log = { info() {}, warn: (_fields: object, message: string) => void warned.push(message) }
    await using env = await planTestEnv(good, {}, { log: log as never })
    const fault = () => env.upstreams.fileFault() ?? ''
    await env.replace('{"upstreams": [}')
    await eventually(() => assert.match(fault(), /^not JSON at line 1, column 16$/))
    await env.replace({ upstreams: [{ name: 'x' }] })
    await eventually(() => assert.match(fault(), /^upstreams\[0\]\.url is missing$/))
    assert.equal((await send(env.upstreams).outcome).text, OK)
    await rm(env.path)
    await eventually(() => assert.match(fault(), /ENOENT/))
    assert.equal((await send(env.upstreams).outcome).text, OK)
    await writeFile(env.path, JSON.stringify(good))
    await eventually(() => assert.equal(fault(), ''))
    assert.ok(warned.length >= 3)
    assert.equal(env.upstreams.report().file?.reloads, 1)
  })

  it('keeps circuit and counts of upstreams that stay as they were', async () => {
    await using one = await fakeServer(answering(OK))
    await using env = await planTestEnv({ upstreams: [upstream('one', one.url)] })
    await send(env.upstreams).outcome
    await env.replace({ upstreams: [upstream('new', one.url), upstream('one', one.url)] })
    await eventually(() => assert.equal(env.upstreams.report().upstreams.length, 2))
    assert.deepEqual(
      env.upstreams.report().upstreams.map(({ name, calls }) => [name, calls]),
      [
        ['new', 0],
        ['one', 1],
      ],
    )
  })

  it('that is wrong at the start stops it, with every fault', async () => {
    await assert.rejects(planTestEnv({ upstreams: [{ name: 'a' }], retry: { maxAttempts: 0 } }), {
      faults: [
        'UPSTREAMS_FILE: upstreams[0].url is missing',
        'UPSTREAMS_FILE: retry.maxAttempts must be at least 1',
      ],
    })
  })
})

describe('the list of models', () => {
  it('is what the file names and what open upstreams tell, with one down and one hanging', async () => {
    let asked = 0
    await using openai = await fakeServer((response, { url }) => {
      asked++
      assert.equal(url, '/v1/models')
      response.end(
        '{"object":"list","data":[{"id":"gpt-5","object":"model","created":7,"owned_by":"o"},{"id":"other"}]}',
      )
    })
    await using ollama = await fakeServer((response, { url }) => {
      const answer = { models: [{ name: 'llama3:8b', size: 5, details: { family: 'llama' } }] }
      response.end(url === '/api/tags' ? JSON.stringify(answer) : '{"data":[]}')
    })
    const plan = {
      upstreams: [
        upstream('wild', openai.url, { models: ['gpt-*'], aliases: { fast: 'gpt-5' }, dialects: ['openai'] }),
        upstream('listed', 'http://192.0.2.1:81', { models: ['a/b'] }),
        upstream('local', ollama.url, { dialects: ['ollama'] }),
        upstream('down', `http://127.0.0.1:${await freePort()}`),
      ],
    }
    await using env = await planTestEnv(plan)
    const ids = async (dialect: 'openai' | 'anthropic' | 'ollama') =>
      (await env.upstreams.listModels(dialect)).map(({ id }) => id)
    assert.deepEqual(await ids('openai'), ['a/b', 'fast', 'gpt-5'])
    assert.deepEqual(await ids('anthropic'), ['a/b'])
    assert.deepEqual(await ids('ollama'), ['a/b', 'llama3:8b'])
    const [, local] = await env.upstreams.listModels('ollama')
    assert.deepEqual(local!.raw, { name: 'llama3:8b', size: 5, details: { family: 'llama' } })
    await ids('openai')
    assert.equal(asked, 1, 'it is remembered for a while')
  })

  it('is an error when no upstream tells any', async () => {
    await using env = await planTestEnv({
      upstreams: [upstream('down', `http://127.0.0.1:${await freePort()}`)],
    })
    await assert.rejects(env.upstreams.listModels('openai'), { code: 'upstream_unreachable', status: 502 })
  })
})
