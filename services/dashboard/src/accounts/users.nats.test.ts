import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  BUCKETS,
  ClearAddress,
  type FluxgateEvent,
  jsonParser,
  LimitsPolicy,
  ThrottleShadowed,
} from '@fluxgate/contracts'
import { Bucket, replay } from '@fluxgate/nats'
import type { NewRow } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import type { IdentityDetail } from '../identities/answers.ts'
import type { ShadowPage } from '../policy/answers.ts'
import { ApiClient } from '../test/api-client.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'
import { usageRow } from '../test/usage-row.ts'
import type { MetricsView, UsageView } from '../usage/answers.ts'
import type { MadeKey, UserDetail, UserPage } from './answers.ts'

let testEnv: TestEnv
let api: ApiClient

before(async () => {
  testEnv = await startTestEnv()
  api = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
})
after(() => testEnv?.[Symbol.asyncDispose]())

async function orders(): Promise<FluxgateEvent[]> {
  const filter = 'fluxgate.auth.*.operator_ordered.>'
  const found: FluxgateEvent[] = []
  for await (const { events } of replay(testEnv.link, { stream: 'AUTH', filter, from: 'first' })) {
    found.push(...events.map(({ event }) => event))
  }
  return found
}

async function ordered(path: string, body: object, status = 200): Promise<void> {
  const answer = await api.order(path, body)
  assert.equal(answer.status, status, `${path}: ${await answer.text()}`)
}

describe('user routes', () => {
  it('create, change, disable and find users, each with reason and operator', async () => {
    await ordered('/api/users', { user: 'u_new', tier: 'free', role: 'developer', reason: 'asked for' }, 201)
    await ordered('/api/users', { user: 'u_new', tier: 'free', role: 'developer', reason: 'again' }, 409)
    await ordered('/api/users/u_new/tier', { tier: 'pro', reason: 'pays now' })
    await ordered('/api/users/u_new/role', { role: 'operator', reason: 'on call' })
    await ordered('/api/users/u_new/disable', { reason: 'left' })
    const { items, more } = await api.read<UserPage>('/api/users?q=u_n')
    assert.equal(more, false)
    assert.partialDeepStrictEqual(items, [{ id: 'u_new', tier: 'pro', role: 'operator', liveKeys: 0 }])
    assert.ok((items[0]?.disabledAt ?? 0) > 0)
    await ordered('/api/users/u_new/enable', { reason: 'is back' })
    const told = (await orders()).map(({ data }) => data)
    assert.deepEqual(
      told.map(data => 'order' in data && [data.order, data.wanted, data.reason, data.actor]),
      [
        ['create_user', 'developer, free', 'asked for', 'operator:u_olga'],
        ['create_user', 'developer, free', 'again', 'operator:u_olga'],
        ['set_tier', 'pro', 'pays now', 'operator:u_olga'],
        ['set_role', 'operator', 'on call', 'operator:u_olga'],
        ['disable_user', undefined, 'left', 'operator:u_olga'],
        ['enable_user', undefined, 'is back', 'operator:u_olga'],
      ],
    )
    assert.deepEqual(
      testEnv.gateway.admin.actors,
      told.map(() => 'operator:u_olga'),
    )
    assert.equal((await api.read<UserPage>('/api/users?q=%25')).items.length, 0, 'a percent sign is a letter')
    assert.equal((await api.read<UserPage>('/api/users?q=OLGA@')).items.length, 1)
  })

  it('create keys that are shown once, expire, and can be revoked', async () => {
    const answer = await api.order('/api/users/u_dave/keys', { name: 'ci', expiresInDays: 30, reason: 'r' })
    assert.equal(answer.status, 201)
    const made = (await answer.json()) as MadeKey
    assert.match(made.key, /^sk_live_/)
    const before = await api.read<UserDetail>('/api/users/u_dave')
    assert.deepEqual(
      before.keys.map(({ id, name, revokedAt }) => [id, name, revokedAt]),
      [[made.id, 'ci', null]],
    )
    assert.equal(before.user.liveKeys, 1)
    await ordered(`/api/users/u_dave/keys/${made.id}/revoke`, { reason: 'leaked' }, 200)
    const after = await api.read<UserDetail>('/api/users/u_dave')
    assert.ok(after.keys[0]?.revokedAt)
    assert.equal((await api.get('/api/users/u_nobody')).status, 404)
  })

  it('refuse operators who disable themselves, and orders without a reason', async () => {
    await ordered(`/api/users/${OPERATOR.id}/disable`, { reason: 'r' }, 409)
    await ordered(`/api/users/${OPERATOR.id}/role`, { role: 'developer', reason: 'r' }, 409)
    await ordered('/api/users/u_dave/tier', { tier: 'pro', reason: '' }, 400)
    await ordered('/api/users/u_dave/tier', { tier: 'No Tier', reason: 'r' }, 400)
    await ordered('/api/users/u_dave/role', { role: 'god', reason: 'r' }, 400)
    await ordered('/api/users/u_dave/keys', { name: 'x', expiresInDays: 0, reason: 'r' }, 400)
  })
})

describe('usage routes', () => {
  it('sum usage by model and node, and compare with the previous range', async () => {
    const minute = Math.floor(Date.now() / 60_000) * 60_000
    await testEnv.db
      .insertInto('usage_minutes')
      .values([usageRow(minute, 500), usageRow(minute - 60 * 60_000, 200)])
      .execute()
    await testEnv.db
      .insertInto('latency_minutes')
      .values({
        minute: new Date(minute),
        model: 'm',
        upstream: 'up',
        measure: 'duration',
        bucket: 64,
        count: 9,
      })
      .execute()
    await testEnv.db
      .insertInto('requests')
      .values({
        request_id: '01JZZZZZZZZZZZZZZZZZZZZZZZ',
        user_id: DEVELOPER.id,
        key_id: 'k_1',
        state: 'completed',
        at: new Date(minute),
        source: '/gateway/gw-7/1',
        duration_ms: 30,
        total_tokens: 500,
      })
      .execute()
    const hour = await api.read<MetricsView>('/api/metrics?range=1h')
    assert.deepEqual([hour.total.totalTokens, hour.before.totalTokens], [500, 200])
    assert.equal(hour.steps.length, 60)
    assert.equal(hour.steps.at(-1)?.totalTokens, 500)
    assert.equal(hour.models[0]?.model, 'm')
    assert.equal(hour.latency.count, 9)
    assert.ok(hour.latency.p95Ms! > 240 && hour.latency.p95Ms! < 260, `${hour.latency.p95Ms}`)
    assert.partialDeepStrictEqual(hour.nodes?.[0], { node: 'gw-7', admitted: 1, totalTokens: 500, p95Ms: 30 })
    assert.equal((await api.get('/api/metrics?range=2y')).status, 400)
    for (const range of ['5m', '24h', '7d', '30d']) await api.read<MetricsView>(`/api/metrics?range=${range}`)
  })

  it("returns only the developer's own usage, limits and remaining tokens", async () => {
    const policy = new Bucket(testEnv.link, 'policy', jsonParser(LimitsPolicy))
    const own = { capacity: 900, refillRate: 9 }
    await policy.put('limits', { tiers: {}, identities: { 'u_dave.session': own } })
    testEnv.gateway.admin.levels['u_dave.session'] = 777
    const dave = new ApiClient(testEnv, await logIn(testEnv, DEVELOPER.email))
    const usage = await eventually(async () => {
      const view = await dave.read<UsageView>('/api/me/usage?range=1h')
      assert.deepEqual(view.limits.at(-1)?.tokensLeft, 777)
      return view
    })
    assert.equal(usage.total.totalTokens, 500)
    assert.deepEqual(usage.limits.at(-1), {
      keyId: 'session',
      source: 'own',
      tier: own,
      tokensLeft: 777,
      throttle: null,
    })
  })

  it("has a page for each identity, with its keys, its bucket's level and its timeline", async () => {
    await ordered(
      '/api/throttles',
      {
        identity: 'u_dave.k_1',
        capacity: 50,
        refillRate: 5,
        seconds: 60,
        reason: 'too fast',
      },
      201,
    )
    await testEnv.db
      .insertInto('auth_events')
      .values({
        event_id: 'e1',
        sequence: 1,
        at: new Date(),
        fact: 'tier_changed',
        user_id: 'u_dave',
        key_id: 'portal',
        actor: 'admin',
        detail: '{"from":"free","to":"pro"}',
      })
      .execute()
    const hashes = ['a_00000000000000000001', 'a_00000000000000000002']
    const login = { fact: 'login_succeeded', user_id: 'u_dave', key_id: 'portal', detail: '{}' }
    for (const [i, address] of hashes.entries()) {
      const at = new Date(Date.now() - (i + 1) * 1_000)
      await testEnv.db
        .insertInto('auth_events')
        .values({ ...login, event_id: `login${i}`, sequence: 2 + i, at, address })
        .execute()
    }
    const addresses = new Bucket(testEnv.link, BUCKETS.addresses, jsonParser(ClearAddress))
    await addresses.put(hashes[0]!, { address: '203.0.113.7' })
    const detail = await eventually(async () => {
      const view = await api.read<IdentityDetail>('/api/identities/u_dave.k_1?range=1h')
      assert.equal(view.usage.limits[0]?.throttle?.capacity, 50)
      return view
    })
    assert.equal(detail.account?.email, DEVELOPER.email)
    assert.equal(detail.usage.total.totalTokens, 500)
    assert.equal(detail.usage.limits[0]?.tokensLeft, 50, 'a bucket that was not used is full')
    assert.deepEqual(
      detail.timeline.map(({ fact, text }) => [fact, text]),
      [
        ['tier_changed', 'free → pro'],
        ['login_succeeded', `from 203.0.113.7 (${hashes[0]})`],
        // The clear address has been deleted.
        ['login_succeeded', `from ${hashes[1]}`],
      ],
    )
    assert.equal((await api.get('/api/identities/nonsense')).status, 400)
    const unknown = await api.read<IdentityDetail>('/api/identities/u_who.k_9')
    assert.deepEqual([unknown.account, unknown.keys, unknown.timeline], [null, [], []])
  })
})

describe('shadow policy routes', () => {
  it('returns shadow findings beside the incidents of the live policy', async () => {
    const finding = {
      user: 'u_dave',
      key: 'k_1',
      rule: 'requestFlood',
      severity: 'low' as const,
      explanation: 'e',
      numbers: {},
      evidence: [],
      action: 'throttle' as const,
      until: Date.now() + 1_000,
    }
    await testEnv.db.insertInto('incidents').values(incidentRow('inc_00000000s1')).execute()
    for (const incident of ['inc_00000000s1', 'inc_00000000s2']) {
      await testEnv.publisher.publish(testEnv.make(ThrottleShadowed, { ...finding, incident }))
    }
    const { items } = await api.read<ShadowPage>('/api/shadowed')
    assert.deepEqual(
      items.map(({ identity, rule, incident }) => [identity, rule, incident]),
      [
        ['u_dave.k_1', 'requestFlood', null],
        ['u_dave.k_1', 'requestFlood', 'inc_00000000s1'],
      ],
    )
  })
})

function incidentRow(id: string): NewRow<'incidents'> {
  return {
    id,
    user_id: DEVELOPER.id,
    key_id: 'k_1',
    rule: 'requestFlood',
    severity: 'low',
    state: 'opened',
    explanation: 'e',
    numbers: '{}',
    evidence: '[]',
    action: 'throttled',
    opened_at: new Date(),
    sequence: 1,
  }
}
