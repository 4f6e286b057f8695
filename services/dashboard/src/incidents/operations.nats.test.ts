import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type FluxgateEvent, IncidentJoined, IncidentOpened, type Throttle } from '@fluxgate/contracts'
import { replay } from '@fluxgate/nats'
import type { NewRow } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import type { IdentityPage } from '../identities/answers.ts'
import type { Overview } from '../overview/answers.ts'
import type { SystemView } from '../system/answers.ts'
import { ApiClient } from '../test/api-client.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'
import { usageRow } from '../test/usage-row.ts'
import type { IncidentDetail, IncidentPage, ThrottlePage } from './answers.ts'

let testEnv: TestEnv
let api: ApiClient
let pageDir: string

before(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'fluxgate-page-'))
  await writeFile(join(pageDir, 'index.html'), '<!doctype html><title>Fluxgate</title>')
  testEnv = await startTestEnv({ pageDir })
  api = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
})

after(async () => {
  await testEnv?.[Symbol.asyncDispose]()
  await rm(pageDir, { recursive: true, force: true })
})

async function logged(stream: string): Promise<FluxgateEvent[]> {
  const events: FluxgateEvent[] = []
  for await (const batch of replay(testEnv.link, { stream, from: 'first' })) {
    events.push(...batch.events.map(each => each.event))
  }
  return events
}

const throttle = (seconds: number): Throttle => ({
  capacity: 100,
  refillRate: 10,
  imposedAt: Date.now(),
  until: Date.now() + seconds * 1_000,
  reason: 'flood',
  rule: 'context_flood',
  actor: 'guard',
})

describe('throttle routes', () => {
  it("list a throttle at once, and pardon it with the operator's name", async () => {
    await testEnv.penaltyBox.impose({ user: 'u_flood', key: 'k_1' }, throttle(600))
    await eventually(async () => {
      const { active } = await api.read<ThrottlePage>('/api/throttles')
      assert.deepEqual(
        active.map(each => each.identity),
        ['u_flood.k_1'],
      )
    })
    const response = await api.order('/api/throttles/u_flood.k_1/pardon', { reason: 'a batch job' })
    assert.equal(response.status, 200)
    assert.equal(await testEnv.penaltyBox.get({ user: 'u_flood', key: 'k_1' }), undefined)
    const fact = (await logged('THROTTLES')).find(event => event.type === 'fluxgate.throttles.pardoned')
    assert.partialDeepStrictEqual(fact?.data, { actor: `operator:${OPERATOR.id}`, reason: 'a batch job' })
    assert.equal((await api.order('/api/throttles/u_flood.k_1/pardon', { reason: 'again' })).status, 409)
    assert.equal((await api.order('/api/throttles/nonsense/pardon', { reason: 'r' })).status, 404)
  })

  it('impose a manual throttle within its limits', async () => {
    const wanted = { identity: 'u_slow.k_1', capacity: 50, refillRate: 5, seconds: 60, reason: 'asked for' }
    assert.equal((await api.order('/api/throttles', wanted)).status, 201)
    const held = await testEnv.penaltyBox.get({ user: 'u_slow', key: 'k_1' })
    const expected = { capacity: 50, actor: `operator:${OPERATOR.id}`, rule: 'manual' }
    assert.partialDeepStrictEqual(held?.value, expected)
    const wrong = [
      { identity: 'no dot' },
      { seconds: 0 },
      { seconds: 1e9 },
      { capacity: -1 },
      { reason: '' },
      { reason: 'x'.repeat(257) },
      { extra: 1 },
    ]
    for (const change of wrong) {
      const { status } = await api.order('/api/throttles', { ...wanted, ...change })
      const isIgnored = 'extra' in change
      assert.equal(status, isIgnored ? 201 : 400, JSON.stringify(change))
    }
  })
})

const ID = 'inc_00000000a1'
const facts = {
  incident: ID,
  user: 'u_flood',
  key: 'k_1',
  rule: 'context_flood',
  severity: 'high' as const,
  explanation: 'too much',
  numbers: { tokens: 900 },
  evidence: [{ stream: 'TOKENS', sequence: 4 }],
}

describe('incident routes', () => {
  it('list an incident as soon as the log has it', async () => {
    await testEnv.publisher.publish(testEnv.make(IncidentOpened, { ...facts, action: 'throttled' }))
    await eventually(async () => {
      const { items } = await api.read<IncidentPage>('/api/incidents')
      assert.deepEqual(
        items.map(each => [each.id, each.state]),
        [[ID, 'opened']],
      )
    })
    await eventually(async () => {
      const { openIncidents } = await api.read<Overview>('/api/overview')
      assert.equal(openIncidents[0]?.id, ID)
    })
  })

  it("acknowledge and close an incident once each, with the operator's name", async () => {
    await testEnv.db.insertInto('incidents').values(incidentRow()).execute()
    const acknowledged = await api.order(`/api/incidents/${ID}/acknowledge`, { note: 'mine' })
    assert.equal(acknowledged.status, 200)
    assert.partialDeepStrictEqual(await acknowledged.json(), { state: 'acknowledged', note: 'mine' })
    await eventually(async () => {
      const { incident } = await api.read<IncidentDetail>(`/api/incidents/${ID}`)
      assert.equal(incident.state, 'acknowledged', 'the read model is behind, the answer is not')
    })
    assert.equal((await api.order(`/api/incidents/${ID}/acknowledge`, { note: 'again' })).status, 409)
    assert.equal((await api.order(`/api/incidents/${ID}/close`, { reason: 'over' })).status, 200)
    await eventually(async () => {
      assert.equal((await api.read<IncidentPage>('/api/incidents')).items.length, 0)
      const { items } = await api.read<IncidentPage>('/api/incidents?scope=closed')
      assert.partialDeepStrictEqual(items[0], { id: ID, closedBy: `operator:${OPERATOR.id}` })
    })
    assert.equal((await api.order(`/api/incidents/${ID}/close`, { reason: 'again' })).status, 409)
    assert.equal((await api.order('/api/incidents/inc_99999999/close', { reason: 'r' })).status, 404)
    assert.equal((await api.get('/api/incidents/inc_99999999')).status, 404)
    assert.equal((await api.get('/api/incidents/nonsense')).status, 400)
    assert.equal((await api.get('/api/incidents?scope=all&before=nonsense')).status, 400)
    const types = (await logged('INCIDENTS')).map(event => event.type.slice('fluxgate.incidents.'.length))
    assert.deepEqual(types, ['opened', 'acknowledged', 'closed'])
  })

  it('omit joined incidents, and count their findings at the incident that they joined', async () => {
    const [first, second] = ['inc_00000000j1', 'inc_00000000j2'] as const
    const about = { user: 'u_flood', key: 'k_1', rule: 'context_flood' }
    for (const incident of [first, second]) {
      await testEnv.publisher.publish(
        testEnv.make(IncidentOpened, { ...facts, incident, action: 'observed' }),
      )
    }
    await testEnv.publisher.publish(
      testEnv.make(IncidentJoined, { ...about, incident: second, into: first, findings: 2 }),
    )
    await eventually(async () => {
      const { items } = await api.read<IncidentPage>('/api/incidents')
      assert.deepEqual(
        items.map(({ id, findings }) => [id, findings]),
        [[first, 2]],
      )
    })
    const { incident } = await api.read<IncidentDetail>(`/api/incidents/${second}`)
    assert.equal(incident.joinedInto, first)
    const row = { ...incidentRow(), id: 'inc_00000000j3', joined_into: first }
    await testEnv.db.insertInto('incidents').values(row).execute()
    const { items } = await api.read<IncidentPage>('/api/incidents?scope=all')
    assert.ok(!items.some(({ id }) => id === row.id), 'nor when the read model says it')
  })
})

describe('read models', () => {
  it('return the projection lag and the top consumers', async () => {
    const now = Date.now()
    await testEnv.db.insertInto('usage_minutes').values(usageRow(now, 500)).execute()
    await testEnv.db
      .insertInto('projection_checkpoints')
      .values({
        projection: 'read-model',
        version: 1,
        stream: 'INCIDENTS',
        sequence: 1,
        updated_at: new Date(now - 20_000),
      })
      .execute()
    await eventually(async () => {
      const [lag] = (await api.read<Overview>('/api/overview')).projection ?? []
      assert.equal(lag?.behind, 5)
      assert.ok(lag.lagMs >= 20_000)
    })
    const top = await api.read<IdentityPage>('/api/identities/top?minutes=5')
    assert.deepEqual(
      top.items.map(row => [row.userId, row.totalTokens]),
      [[DEVELOPER.id, 500]],
    )
    assert.equal(top.names.users[DEVELOPER.id]?.email, DEVELOPER.email)
    assert.equal((await api.get('/api/identities/top?minutes=7')).status, 400)
  })

  it('list live nodes', async () => {
    const node = { address: '127.0.0.1', port: 8443, started: Date.now() - 5_000 }
    await testEnv.nodes.put('gw-a', { ...node, node: 'gw-a', heartbeat: Date.now() })
    await testEnv.nodes.put('gw-old', { ...node, node: 'gw-old', heartbeat: Date.now() - 60_000 })
    await eventually(async () => {
      const { nodes } = await api.read<SystemView>('/api/system')
      assert.deepEqual(
        nodes.map(each => each.node),
        ['gw-a'],
      )
    })
  })
})

function incidentRow(): NewRow<'incidents'> {
  return {
    id: ID,
    user_id: 'u_flood',
    key_id: 'k_1',
    rule: 'context_flood',
    severity: 'high',
    state: 'opened',
    explanation: 'too much',
    numbers: '{"tokens":900}',
    evidence: '[]',
    action: 'throttled',
    opened_at: new Date(),
    sequence: 1,
  }
}
