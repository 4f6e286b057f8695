import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { startGateways, type TestGateways } from '../test/gateways.ts'

let gateways: TestGateways
before(async () => {
  gateways = await startGateways(['one'], {})
})
after(() => gateways[Symbol.asyncDispose]())

const ask = (method: string, path: string, body?: object) => gateways.admin(method, path, body)

async function refusal(method: string, path: string, body?: object): Promise<[number, unknown]> {
  const answer = await ask(method, path, body)
  return [answer.status, (answer.body.error as { code?: unknown } | undefined)?.code]
}

/** Type and data of the facts about a user, with no user and key in them. */
async function reported(user: string): Promise<Array<[string, object]>> {
  const facts: FluxgateEvent[] = await gateways.facts('AUTH', user)
  return facts.map(({ type, data }) => {
    const { user: _, key: __, ...rest } = data as { user: string; key: string }
    return [type.slice('fluxgate.auth.'.length), rest]
  })
}

const limitsOf = async (token: string) => {
  const url = `http://127.0.0.1:${gateways.nodes[0]!.publicPort}/v1/chat/completions`
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"model":"m"}',
  })
  await answer.arrayBuffer()
  return answer.headers.get('x-ratelimit-limit-tokens')
}

describe('tiers', () => {
  const gold = { capacity: 7_777, refill_rate: 5, requests_per_minute: 60, concurrent_streams: 3 }

  test('are defined before anybody is in them, and stay while somebody is', async () => {
    const generate = { user_id: 'ann', tier: 'gold' }
    assert.deepEqual(await refusal('POST', '/admin/keys/generate', generate), [400, 'unknown_tier'])
    assert.deepEqual(await refusal('POST', '/admin/users', generate), [400, 'unknown_tier'])
    assert.equal((await ask('GET', '/admin/users/ann')).status, 404, 'nobody was made')

    const put = await ask('PUT', '/admin/tiers/gold', gold)
    assert.deepEqual([put.status, put.body], [201, { name: 'gold', ...gold, source: 'policy' }])
    const made = await ask('POST', '/admin/keys/generate', { ...generate, name: 'ci' })
    assert.equal(made.status, 201)
    await eventually(async () => assert.equal(await limitsOf(String(made.body.key)), '7777'))

    assert.deepEqual(await refusal('DELETE', '/admin/tiers/gold'), [409, 'conflict'])
    const wrong = { user_id: 'ann', tier: 'silver' }
    assert.deepEqual(await refusal('POST', '/admin/tier', wrong), [400, 'unknown_tier'])
    assert.equal((await ask('POST', '/admin/tier', { user_id: 'ann', tier: 'pro' })).status, 200)
    assert.equal((await ask('DELETE', '/admin/tiers/gold')).status, 204)
    assert.deepEqual(await refusal('DELETE', '/admin/tiers/gold'), [404, 'not_found'])
    await eventually(async () => assert.equal(await limitsOf(String(made.body.key)), '50000'))
  })

  test('that come with the gateway can be changed, and put back', async () => {
    const freeTier = async () => {
      const { body } = await ask('GET', '/admin/tiers')
      return (body.tiers as Array<{ name: string }>).find(({ name }) => name === 'free')
    }
    const asItComes = await freeTier()
    assert.deepEqual(asItComes, {
      name: 'free',
      capacity: 5_000,
      refill_rate: 100,
      requests_per_minute: 600,
      concurrent_streams: 20,
      source: 'default',
    })
    assert.deepEqual(await refusal('DELETE', '/admin/tiers/free'), [409, 'conflict'])
    assert.equal((await ask('PUT', '/admin/tiers/free', { capacity: 10, refill_rate: 1 })).status, 200)
    assert.deepEqual(await freeTier(), { name: 'free', capacity: 10, refill_rate: 1, source: 'policy' })
    assert.equal((await ask('DELETE', '/admin/tiers/free')).status, 204)
    assert.deepEqual(await freeTier(), asItComes)
  })

  test('are checked before they are taken', async () => {
    const bad: Array<[string, object]> = [
      ['/admin/tiers/Gold', gold],
      ['/admin/tiers/a.b', gold],
      [`/admin/tiers/${'x'.repeat(33)}`, gold],
      ['/admin/tiers/bad', {}],
      ['/admin/tiers/bad', { ...gold, capacity: -1 }],
      ['/admin/tiers/bad', { ...gold, refill_rate: '1' }],
      ['/admin/tiers/bad', { ...gold, concurrent_streams: 0 }],
      ['/admin/tiers/bad', { ...gold, requests_per_minute: 1.5 }],
      ['/admin/tiers/bad', { ...gold, more: 1 }],
    ]
    for (const [path, body] of bad) {
      assert.deepEqual(await refusal('PUT', path, body), [400, 'invalid_body'], JSON.stringify([path, body]))
    }
    assert.deepEqual(await refusal('DELETE', '/admin/tiers/constructor'), [404, 'not_found'])
  })

  test('are reported with what differs', async () => {
    await ask('PUT', '/admin/tiers/silver', { capacity: 1, refill_rate: 1 })
    await ask('PUT', '/admin/tiers/silver', { capacity: 2, refill_rate: 1 })
    await ask('PUT', '/admin/tiers/silver', { capacity: 2, refill_rate: 1 })
    await ask('DELETE', '/admin/tiers/silver')
    const fact = (changes: object[]) => ['policy_changed', { policy: 'limits', changes, actor: 'admin' }]
    const path = '/tiers/silver'
    await eventually(async () => {
      const facts = (await reported('all')).filter(([, data]) => JSON.stringify(data).includes('silver'))
      assert.deepEqual(facts, [
        fact([{ path, to: '{"capacity":1,"refillRate":1}' }]),
        fact([{ path: `${path}/capacity`, from: '1', to: '2' }]),
        fact([{ path, from: '{"capacity":2,"refillRate":1}' }]),
      ])
    })
  })
})

describe('limits of single identities', () => {
  test('are listed as they were set, and each change is a fact about that identity', async () => {
    const { body: made } = await ask('POST', '/admin/keys/generate', { user_id: 'bob' })
    const identifier = `bob.${made.id}`
    const limit = { capacity: 10, refill_rate: 0.5, concurrent_streams: 1 }
    const set = await ask('POST', '/admin/rate_limit', { identifier, ...limit })
    assert.deepEqual(set.body, { identifier, identities: [identifier], ...limit })
    const listed = await ask('GET', '/admin/rate_limits')
    assert.deepEqual(listed.body, { rate_limits: [{ identifier, ...limit }] })
    assert.equal((await ask('DELETE', `/admin/rate_limit/${identifier}`)).status, 204)
    assert.equal((await ask('DELETE', `/admin/rate_limit/${identifier}`)).status, 204)
    assert.deepEqual((await ask('GET', '/admin/rate_limits')).body, { rate_limits: [] })
    const text = '{"capacity":10,"refillRate":0.5,"concurrentStreams":1}'
    const path = `/identities/${identifier}`
    await eventually(async () => {
      const facts = (await reported('bob')).filter(([type]) => type === 'policy_changed')
      assert.deepEqual(facts, [
        ['policy_changed', { policy: 'limits', changes: [{ path, to: text }], actor: 'admin' }],
        ['policy_changed', { policy: 'limits', changes: [{ path, from: text }], actor: 'admin' }],
      ])
    })
  })
})

describe('users and their keys', () => {
  test('are made, seen, changed, disabled and enabled; each step is one event with its actor', async () => {
    const made = await ask('POST', '/admin/users', { user_id: 'carol', role: 'operator' })
    assert.equal(made.status, 201)
    assert.deepEqual(await refusal('POST', '/admin/users', { user_id: 'carol' }), [409, 'conflict'])
    const carol = { id: 'carol', role: 'operator', tier: 'free', disabledAt: null }
    const { createdAt, ...seen } = (await ask('GET', '/admin/users/carol')).body
    assert.deepEqual(seen, carol)
    assert.equal(typeof createdAt, 'number')
    const role = { user_id: 'carol', role: 'developer' }
    assert.deepEqual((await ask('POST', '/admin/role', role)).body, { from: 'operator', to: 'developer' })
    await ask('POST', '/admin/role', role)
    await ask('POST', '/admin/tier', { user_id: 'carol', tier: 'pro' })
    await ask('POST', '/admin/users/disable', { user_id: 'carol', reason: 'spam' })
    assert.deepEqual(await refusal('POST', '/admin/keys/generate', { user_id: 'carol' }), [409, 'conflict'])
    await ask('POST', '/admin/users/enable', { user_id: 'carol' })
    const actor = 'admin'
    const changes = [{ path: '/role', from: '"operator"', to: '"developer"' }]
    await eventually(async () =>
      assert.deepEqual(await reported('carol'), [
        ['registered', { role: 'operator', tier: 'free', actor, address: 'admin' }],
        ['policy_changed', { policy: 'role', actor, changes }],
        ['tier_changed', { from: 'free', to: 'pro', actor }],
        ['user_disabled', { actor, reason: 'spam' }],
        ['user_enabled', { actor, reason: 'enabled by an administrator' }],
      ]),
    )
  })

  test('keys expire at the time that was set', async () => {
    const made = await ask('POST', '/admin/keys/generate', { user_id: 'dora', expires_in_days: 1 })
    const inMs = Number(made.body.expires_at) - Date.now()
    assert.ok(inMs > 86_000_000 && inMs <= 86_400_000, String(inMs))
    const { body } = await ask('GET', '/admin/keys?user_id=dora')
    assert.equal((body.keys as Array<{ expiresAt: number }>)[0]?.expiresAt, made.body.expires_at)
    const forEver = await ask('POST', '/admin/keys/generate', { user_id: 'dora' })
    assert.equal(forEver.body.expires_at, null)
    for (const days of [0, -1, 1.5, 3_651, '1']) {
      const order = { user_id: 'dora', expires_in_days: days }
      assert.deepEqual(await refusal('POST', '/admin/keys/generate', order), [400, 'invalid_body'])
    }
  })

  test('a change of a missing user is 404, and a name in use is 409', async () => {
    const orders: Array<[string, object]> = [
      ['/admin/users/disable', { user_id: 'nobody' }],
      ['/admin/users/enable', { user_id: 'nobody' }],
      ['/admin/role', { user_id: 'nobody', role: 'operator' }],
      ['/admin/tier', { user_id: 'nobody', tier: 'pro' }],
    ]
    for (const [path, body] of orders)
      assert.deepEqual(await refusal('POST', path, body), [404, 'not_found'], path)
    assert.deepEqual(await refusal('GET', '/admin/users/%00'), [404, 'not_found'])
    for (const user_id of ['anonymous', 'oidc_x', 'a.b', '']) {
      assert.deepEqual(await refusal('POST', '/admin/users', { user_id }), [400, 'invalid_body'], user_id)
      assert.deepEqual(
        await refusal('POST', '/admin/keys/generate', { user_id }),
        [400, 'invalid_body'],
        user_id,
      )
    }
    const root = { user_id: 'eve', role: 'root' }
    assert.deepEqual(await refusal('POST', '/admin/users', root), [400, 'invalid_body'])
    assert.deepEqual(await reported('nobody'), [])
  })
})
