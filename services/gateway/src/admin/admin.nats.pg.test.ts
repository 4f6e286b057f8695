import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BUCKETS, type FluxgateEvent, jsonParser, LimitsPolicy } from '@fluxgate/contracts'
import { Bucket, replay } from '@fluxgate/nats'
import { LIMITS_KEY } from '../policy/policy.nats.ts'
import { DASHBOARD_ROUTES } from './authorize.ts'
import {
  type AdminTestEnv,
  DASHBOARD_TOKEN,
  METRICS_TOKEN,
  ROUTING,
  startAdmin,
  TOKEN,
} from './test-admin.ts'

let env: AdminTestEnv
before(async () => {
  env = await startAdmin({ ownServers: true })
})
after(() => env[Symbol.asyncDispose]())

const ask: AdminTestEnv['ask'] = (...order) => env.ask(...order)

interface Made {
  readonly key: string
  readonly id: string
  readonly prefix: string
}
const newKey = async (user: string): Promise<Made> =>
  (await ask('POST', '/admin/keys/generate', { user_id: user })).json as unknown as Made

const policy = async () =>
  (await new Bucket(env.link, BUCKETS.policy, jsonParser(LimitsPolicy)).get(LIMITS_KEY))?.value.identities

describe('the admin API', () => {
  test('is for who has the token, and says of itself only that it lives', async () => {
    const wrong = [
      '',
      TOKEN,
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(0, -1)}`,
      'Bearer ',
      'bearer',
    ]
    const paths = [
      '/admin/users',
      '/admin/keys?user_id=a',
      '/admin/metrics',
      '/admin/upstreams',
      '/admin/throttles',
      '/metrics',
    ]
    for (const authorization of wrong) {
      for (const path of paths) {
        const answer = await ask('GET', path, undefined, authorization)
        assert.deepEqual(
          [answer.status, answer.code],
          [401, 'invalid_admin_token'],
          `${authorization} ${path}`,
        )
      }
      const made = await ask('POST', '/admin/keys/generate', { user_id: 'eve' }, authorization)
      assert.equal(made.status, 401)
    }
    assert.deepEqual((await ask('GET', '/admin/health', undefined, '')).json, { status: 'alive' })
    assert.deepEqual(env.events, [])
    assert.equal((await ask('GET', '/admin/users', undefined, `bearer ${TOKEN}`)).status, 200)
  })

  test('lets a token of one purpose do that and nothing else', async () => {
    const routes = [
      'GET /metrics',
      'GET /admin/users',
      'GET /admin/throttles',
      'GET /admin/prices',
      'GET /admin/openapi.json',
      'PUT /admin/tiers/gold',
      'DELETE /admin/tiers/gold',
      'POST /admin/throttle',
      'POST /admin/rate_limit',
      'PUT /admin/policy/guard',
      'GET /admin/nothing',
      ...DASHBOARD_ROUTES,
    ]
    for (const route of routes) {
      const [method, url] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'DELETE', string]
      for (const [token, may] of [
        [DASHBOARD_TOKEN, DASHBOARD_ROUTES.has(route)],
        [METRICS_TOKEN, route === 'GET /metrics'],
      ] as const) {
        const answer = await ask(method, url.replace(':id', 'no_such_key'), undefined, `Bearer ${token}`)
        if (may) assert.ok(![401, 403].includes(answer.status), `${route}: ${answer.status}`)
        else assert.deepEqual([answer.status, answer.code], [403, 'forbidden_token'], `${route} ${token}`)
      }
    }
  })

  test('names who ordered it when the dashboard says so; no other token can name another actor', async () => {
    const order = async (token: string, user: string, actor: string) => {
      const header = { 'x-fluxgate-actor': actor }
      const made = await ask('POST', '/admin/users', { user_id: user }, `Bearer ${token}`, header)
      assert.equal(made.status, 201)
      const event = env.events.find(({ data }) => 'user' in data && data.user === user)
      return event && 'actor' in event.data ? event.data.actor : undefined
    }
    assert.equal(await order(DASHBOARD_TOKEN, 'ordered-1', 'operator:u_olga'), 'operator:u_olga')
    assert.equal(await order(DASHBOARD_TOKEN, 'ordered-2', 'system'), 'dashboard')
    assert.equal(await order(TOKEN, 'ordered-3', 'operator:u_olga'), 'admin')
  })

  test('shows the key once, and never a hash or an address of a person', async () => {
    const { key, id, prefix } = await newKey('ann')
    await env.db
      .updateTable('users')
      .set({ email: 'ann@example.com', password_hash: '$argon2id$x' })
      .where('id', '=', 'ann')
      .execute()
    const seen = [await ask('GET', '/admin/users'), await ask('GET', '/admin/keys?user_id=ann')].map(
      each => each.text,
    )
    assert.ok(seen[0]?.includes('"ann"') && seen[1]?.includes(id) && seen[1]?.includes(prefix))
    for (const secret of [key, key.slice(12, -4), 'argon2', 'ann@example.com', 'hash']) {
      assert.ok(!seen.join().includes(secret), secret)
    }
    assert.ok(!JSON.stringify([env.events, env.logged]).includes(key))
  })

  test('changes the limits of an identity, and takes the change back', async () => {
    const { key, id } = await newKey('bob')
    const limit = { capacity: 10, refill_rate: 0.5 }
    const set = await ask('POST', '/admin/rate_limit', { identifier: key, ...limit })
    assert.deepEqual(
      [set.status, set.json],
      [200, { identifier: `bob.${id}`, identities: [`bob.${id}`], ...limit }],
    )
    assert.deepEqual((await policy())?.[`bob.${id}`], { capacity: 10, refillRate: 0.5 })
    const another = await newKey('bob')
    await ask('POST', '/admin/rate_limit', { identifier: 'bob', ...limit })
    assert.deepEqual(
      Object.keys((await policy()) ?? {}).toSorted(),
      [`bob.${id}`, `bob.${another.id}`].toSorted(),
    )
    assert.equal((await ask('DELETE', `/admin/rate_limit/bob.${id}`)).status, 204)
    assert.deepEqual(Object.keys((await policy()) ?? {}), [`bob.${another.id}`])
    assert.equal((await ask('POST', '/admin/rate_limit', { identifier: 'nobody', ...limit })).status, 404)
  })

  test('fills the bucket of an identity again, and tells who ordered it and why', async () => {
    const { id } = await newKey('erin')
    const identifier = `erin.${id}`
    env.limits.settle(identifier, 'free', 4_000_000_000, false, 0)
    const answer = await ask('POST', '/admin/rate_limit/refill', { identifier, reason: 'a wrong report' })
    assert.deepEqual(answer.json, { identifier, identities: [identifier], tokens: 365_000 })
    assert.equal(env.limits.tokensLeft(0)[identifier], env.limits.tierOf(identifier, 'free').capacity)
    const events = []
    for await (const batch of replay(env.link, { stream: 'AUTH', from: 'first' }))
      events.push(...batch.events)
    const order = events
      .map(({ event }) => event)
      .find(event => event.type === 'fluxgate.auth.operator_ordered')
    assert.deepEqual(order?.data, {
      user: 'erin',
      key: id,
      actor: 'admin',
      order: 'refill_bucket',
      reason: 'a wrong report',
    })
    assert.equal((await ask('POST', '/admin/rate_limit/refill', { identifier })).code, 'invalid_body')
    assert.equal(
      (await ask('POST', '/admin/rate_limit/refill', { identifier: 'nobody', reason: 'x' })).status,
      404,
    )
  })

  test('puts all keys of a user into the penalty box, and lets them out', async () => {
    const keys = [await newKey('carol'), await newKey('carol')]
    const order = { identifier: 'carol', capacity: 0, refill_rate: 0, seconds: 60, reason: 'a test' }
    const imposed = await ask('POST', '/admin/throttle', order)
    assert.deepEqual(
      (imposed.json as { identities?: string[] }).identities?.toSorted(),
      keys.map(key => `carol.${key.id}`).toSorted(),
    )
    assert.equal((await ask('POST', '/admin/pardon', { identifier: 'carol' })).status, 200)
    assert.deepEqual((await ask('POST', '/admin/pardon', { identifier: 'carol' })).code, 'not_found')
  })

  test('tells what is', async () => {
    assert.deepEqual((await ask('GET', '/admin/metrics')).json, { 'ann.k': 42 })
    assert.deepEqual((await ask('GET', '/admin/upstreams')).json, ROUTING)
    const { throttles } = (await ask('GET', '/admin/throttles')).json as unknown as {
      throttles: Array<{ identifier: string }>
    }
    assert.deepEqual(
      throttles.map(each => each.identifier),
      ['ann.k'],
    )
    assert.match((await ask('GET', '/metrics')).text, /process_cpu_seconds_total/)
  })

  test('changes the policies of the guard, each with a fact that says what and who; a bad one is refused', async () => {
    const penalty = { capacity: 100, refillRate: 10, durationMs: 60_000 }
    const contextFlood = { enabled: true, windowMs: 2_000, thresholdTokens: 300 }
    const first = { rules: { contextFlood }, penalty, graceMs: 1_000 }
    for (const key of ['guard', 'guard-shadow']) {
      const path = `/admin/policy/${key}`
      assert.equal((await ask('GET', path)).status, 404)
      assert.equal((await ask('PUT', path, first)).status, 200)
      assert.deepEqual((await ask('PUT', path, first)).json, { changes: [] })
      const second = { ...first, penalty: { ...penalty, capacity: 7 }, allow: { identities: ['ann'] } }
      const changes = [
        { path: '/penalty/capacity', from: '100', to: '7' },
        { path: '/allow', to: '{"identities":["ann"]}' },
      ]
      assert.deepEqual((await ask('PUT', path, second)).json, { changes })

      const bad = await ask('PUT', path, { ...second, penalty: { ...penalty, capacity: -1 } })
      assert.deepEqual([bad.status, bad.code], [400, 'invalid_body'])
      assert.match(bad.text, /penalty\/capacity must be >= 0/)
      for (const wrong of ['', '{', 'null', [], { ...second, rules: {} }, { ...second, more: 1 }]) {
        assert.equal((await ask('PUT', path, wrong)).status, 400, JSON.stringify(wrong))
      }
      const deep = await ask('PUT', path, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`)
      assert.match(deep.text, /nested too deeply/)
      assert.deepEqual((await ask('GET', path)).json.policy, second)
      assert.equal((await ask('DELETE', path)).status, 200)
      assert.equal((await ask('DELETE', path)).status, 404)

      const facts: FluxgateEvent[] = []
      for await (const batch of replay(env.link, { stream: 'AUTH', from: 'first' })) {
        for (const { event } of batch.events) {
          if (event.type === 'fluxgate.auth.policy_changed' && event.data.policy === key) facts.push(event)
        }
      }
      assert.deepEqual(
        facts.map(({ data }) => (data as { actor: string }).actor),
        ['admin', 'admin', 'admin'],
      )
      assert.deepEqual((facts[1]!.data as { changes: unknown }).changes, changes)
    }
    assert.equal((await ask('PUT', '/admin/policy/limits', first)).status, 404)
  })

  test('takes what it knows and nothing else', async () => {
    const bad: Array<[string, object | string]> = [
      ['/admin/keys/generate', ''],
      ['/admin/keys/generate', '{'],
      ['/admin/keys/generate', []],
      ['/admin/keys/generate', { user_id: 'a', more: 1 }],
      ['/admin/keys/generate', { user_id: 'a', name: '\u0000' }],
      ['/admin/keys/generate', { user_id: 'anonymous' }],
      ['/admin/keys/generate', '{"user_id":"a","__proto__":{"tier":"pro"}}'],
      ['/admin/rate_limit', { identifier: 'a.b', capacity: '1', refill_rate: 1 }],
      ['/admin/rate_limit', '{"identifier":"a.b","capacity":1e999,"refill_rate":1}'],
      ['/admin/throttle', { identifier: 'a.b', capacity: 1, refill_rate: 1, seconds: 1e9 }],
      ['/admin/tier', { user_id: 'ann', tier: 'no tier' }],
    ]
    for (const [url, body] of bad) {
      const answer = await ask('POST', url, body)
      assert.deepEqual([answer.status, answer.code], [400, 'invalid_body'], JSON.stringify(body))
    }
    assert.equal((await ask('GET', '/admin/keys?user_id=a.b')).status, 400)
    assert.equal((await ask('GET', '/admin/keys?user_id=a&user_id=b')).status, 400)
    assert.equal((await ask('DELETE', '/admin/keys/%00')).status, 404)
    assert.equal((await ask('GET', '/admin/nothing')).code, 'not_found')
    assert.deepEqual(env.logged, [])
  })

  test('says so when Postgres is away, and when the log is', async () => {
    const { id } = await newKey('dora')
    await env.postgres.stop()
    const noDatabase = await ask('POST', '/admin/keys/generate', { user_id: 'late' })
    assert.deepEqual([noDatabase.status, noDatabase.code], [503, 'unavailable'])
    await env.postgres.start()
    await env.nats.stop()
    const order = { identifier: `dora.${id}`, capacity: 0, refill_rate: 0 }
    const started = performance.now()
    const answers = await Promise.all([
      ask('POST', '/admin/throttle', order),
      ask('POST', '/admin/rate_limit', order),
      ask('POST', '/admin/pardon', { identifier: `dora.${id}` }),
    ])
    for (const answer of answers) assert.deepEqual([answer.status, answer.code], [503, 'unavailable'])
    assert.ok(performance.now() - started < 7_000)
    await env.nats.start()
  })
})
