import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { IncidentOpened, partitionOf } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { ApiClient } from '../test/api-client.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'
import type {
  EventRow,
  EventRows,
  EventView,
  JobFrame,
  StatesView,
  TailFrame,
  TraceView,
  VerdictView,
  WhatIfBase,
  WhatIfView,
} from './answers.ts'

const anna = { user: 'u_anna', key: 'k_1' }
const ben = { user: 'u_ben', key: 'k_2' }
const REQUESTS = 60

let testEnv: TestEnv
let api: ApiClient
let developer: string
let beganAt: number

before(async () => {
  testEnv = await startTestEnv({ limits: { maxJobs: 1 } })
  api = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
  developer = await logIn(testEnv, DEVELOPER.email)
  beganAt = Date.now()
  for (let i = 0; i < REQUESTS; i++) {
    testEnv.traffic.request(i % 2 === 0 ? anna : ben, i % 10 === 0 ? 'failed' : 'completed', 100 + i)
  }
  testEnv.traffic.request(anna, 'refused')
  await eventually(async () => {
    const { state } = await testEnv.link.manager.streams.info('TOKENS')
    assert.equal(state.messages, REQUESTS)
  })
  await eventually(async () => {
    const { state } = await testEnv.link.manager.streams.info('REQUESTS')
    assert.equal(state.messages, REQUESTS * 2 + 1)
  })
})
after(() => testEnv?.[Symbol.asyncDispose]())

async function allPages(query: string, limit: number): Promise<EventRow[]> {
  const rows: EventRow[] = []
  let after = ''
  for (let pages = 0; pages < 100; pages++) {
    const page = await api.read<EventRows>(`/api/forensics/events?${query}&limit=${limit}&after=${after}`)
    assert.ok(page.items.length <= limit)
    rows.push(...page.items)
    if (page.next === null) return rows
    after = page.next
  }
  throw new Error('the pages do not end')
}

const positionOf = ({ stream, sequence }: EventRow) => `${stream}:${sequence}`

async function job<T>(path: string, body: object): Promise<{ frames: Array<JobFrame<T>>; value: T }> {
  const response = await api.order(path, body)
  assert.equal(response.status, 200)
  const text = await response.text()
  const frames = text
    .split('\n\n')
    .filter(block => block !== '')
    .map(block => JSON.parse(block.replace(/^data: /, '')) as JobFrame<T>)
  const last = frames.at(-1)
  assert.equal(last?.kind, 'result', text)
  return { frames, value: (last as { value: T }).value }
}

describe('forensics event routes', () => {
  it('page through events in both orders, each once', async () => {
    for (const order of ['newest', 'oldest']) {
      const whole = await api.read<EventRows>(`/api/forensics/events?order=${order}&limit=5000`)
      assert.equal(whole.next, null)
      const rows = await allPages(`order=${order}`, 17)
      assert.deepEqual(rows.map(positionOf), whole.items.map(positionOf))
      assert.equal(new Set(rows.map(positionOf)).size, rows.length)
      const times = rows.map(({ at }) => (order === 'oldest' ? at : -at))
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
      )
      assert.ok(rows.length >= REQUESTS * 3 + 1)
    }
    const newest = await allPages('order=newest', 50)
    const oldest = await allPages('order=oldest', 50)
    assert.deepEqual(new Set(newest.map(positionOf)), new Set(oldest.map(positionOf)))
  })

  it('filter events by stream, type, identity, time and text', async () => {
    const of = (query: string) => allPages(query, 13)
    assert.equal((await of('streams=tokens')).length, REQUESTS)
    assert.equal((await of('fact=failed')).length, REQUESTS / 10)
    assert.equal((await of('streams=tokens&identity=u_ben')).length, REQUESTS / 2)
    assert.equal((await of('streams=requests,tokens&identity=u_ben.k_2&order=oldest')).length, REQUESTS * 1.5)
    assert.equal((await of('identity=u_nobody')).length, 0)
    assert.equal((await of(`streams=tokens&to=${beganAt - 1}`)).length, 0)
    assert.equal((await of(`streams=tokens&from=${beganAt - 60_000}&to=${Date.now() + 1}`)).length, REQUESTS)
    const [found, ...more] = await of('streams=tokens&text=%22TOTAL%22:159')
    assert.equal(found?.fact, 'tokens.settled')
    assert.equal(more.length, 0)
    assert.match(found?.note ?? '', /sim-small · reported · 159 tokens/)
  })

  it('return one event in full by its position', async () => {
    const { items } = await api.read<EventRows>('/api/forensics/events?fact=refused&limit=1')
    const { stream, sequence } = items[0]!
    const view = await api.read<EventView>(`/api/forensics/events/${stream}/${sequence}`)
    assert.equal(view.identity, 'u_anna.k_1')
    assert.equal((view.event as { data: { reason: string } }).data.reason, 'throttled')
    assert.equal((await api.get(`/api/forensics/events/${stream}/999999`)).status, 404)
    assert.equal((await api.get('/api/forensics/events/KV_policy/1')).status, 400)
  })

  it('list unreadable events as unreadable', async () => {
    await testEnv.link.jetstream.publish(
      `fluxgate.auth.${partitionOf('u_odd')}.login_failed.u_odd.k_9`,
      Buffer.from('{"no":'),
    )
    const { items } = await api.read<EventRows>('/api/forensics/events?identity=u_odd')
    assert.deepEqual([items.length, items[0]?.readable, items[0]?.fact], [1, false, 'auth.login_failed'])
    const view = await api.read<EventView>(`/api/forensics/events/AUTH/${items[0]!.sequence}`)
    assert.equal(view.event, '{"no":')
  })

  it('tail new events without a gap after the first page', async () => {
    const { head } = await api.read<EventRows>('/api/forensics/events?limit=1')
    testEnv.traffic.request(ben, 'refused')
    const abort = new AbortController()
    const response = await fetch(`${testEnv.url}/api/forensics/tail?fact=refused&since=${head}`, {
      headers: { cookie: api.cookie },
      signal: abort.signal,
    })
    const rows: EventRow[] = []
    const reading = (async () => {
      let text = ''
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) {
          const frame = JSON.parse(block.replace(/^data: /, '')) as TailFrame
          if (frame.kind === 'rows') rows.push(...frame.items)
        }
      }
    })().catch(() => {})
    await eventually(() => assert.equal(rows.length, 1))
    testEnv.traffic.request(anna, 'completed')
    testEnv.traffic.request(anna, 'refused')
    await eventually(() =>
      assert.deepEqual(
        rows.map(({ identity }) => identity),
        ['u_ben.k_2', 'u_anna.k_1'],
      ),
    )
    assert.ok(rows.every(({ sequence }) => sequence > 0))
    abort.abort()
    await reading
  })
})

describe('forensics routes', () => {
  it('return the events and bars of one request', async () => {
    const { items } = await api.read<EventRows>('/api/forensics/events?fact=completed&limit=1')
    const request = items[0]!.request!
    const trace = await api.read<TraceView>(`/api/forensics/requests/${request}`)
    assert.deepEqual(
      trace.steps.map(({ fact }) => fact),
      ['requests.admitted', 'requests.completed', 'tokens.settled'],
    )
    assert.deepEqual(trace.missing, [])
    assert.deepEqual(
      trace.bars.map(({ name }) => name),
      ['Admission', 'Upstream', 'Answer', 'Settlement', 'Log'],
    )
    for (const { fromMs, toMs } of trace.bars) assert.ok(fromMs >= 0 && toMs >= fromMs)
    assert.equal((await api.get('/api/forensics/requests/req_01ARZ3NDEKTSV4RRFFQ69G5FAV')).status, 404)
  })

  it('rebuild the states of several moments in one read', async () => {
    const now = Date.now()
    const { value } = await job<StatesView>('/api/forensics/states', { moments: [now, beganAt - 1_000] })
    const [before, after] = value.states
    assert.deepEqual([before?.at, before?.totals.admitted, after?.at], [beganAt - 1_000, 0, now])
    assert.ok(after!.totals.admitted >= REQUESTS)
    assert.ok(after!.bucketCount > 0 && after!.buckets.some(({ identity }) => identity === 'u_anna.k_1'))
    const alone = await job<StatesView>('/api/forensics/states', { moments: [now] })
    assert.deepEqual(alone.value.states, [after])
  })

  it('verify a range, and return each violation', async () => {
    const { value } = await job<VerdictView>('/api/forensics/verify', {})
    const { admitted, completed, failed, interrupted, inFlight } = value.whole
    assert.equal(admitted, completed + failed + interrupted + inFlight)
    assert.deepEqual(value.violationCounts, { unreadable: 1 })
    assert.equal(value.holds, false)
    const until = { from: beganAt - 1_000, to: beganAt - 1 }
    assert.equal((await job<VerdictView>('/api/forensics/verify', until)).value.facts, 0)
  })

  it('run another policy, and return the differences', async () => {
    const base = await api.read<WhatIfBase>('/api/forensics/whatif')
    assert.equal(base.source, 'default')
    await testEnv.publisher.publish(
      testEnv.make(IncidentOpened, {
        ...ben,
        incident: 'inc_00000000b1',
        rule: 'keySharing',
        severity: 'low',
        action: 'observed',
        explanation: 'Only the guard that ran found it.',
        numbers: {},
        evidence: [],
      }),
    )
    const strict = structuredClone(base.policy)
    Object.assign(strict.rules.contextFlood, { thresholdTokens: 500, burstSeconds: 0, windowMs: 2_000 })
    const { value } = await job<WhatIfView>('/api/forensics/whatif', { policy: strict })
    const flood = value.rows.filter(({ would }) => would?.rule === 'contextFlood')
    assert.ok(flood.length > 0 && flood.every(({ difference }) => difference === 'new'))
    assert.ok(value.throttled.would >= 1)
    assert.equal(value.rows.find(({ was }) => was?.incident === 'inc_00000000b1')?.difference, 'gone')
    const wrong = await api.order('/api/forensics/whatif', { policy: { rules: {} } })
    assert.equal(wrong.status, 400)
  })

  it('run one job at a time when the limit is one, and cancel it when the client disconnects', async () => {
    for (let i = 0; i < 5_000; i++) testEnv.traffic.begin(anna, 'refused')
    const abort = new AbortController()
    const ask = (signal: AbortSignal) =>
      fetch(`${testEnv.url}/api/forensics/states`, {
        method: 'POST',
        headers: { cookie: api.cookie, 'content-type': 'application/json', origin: testEnv.url },
        body: JSON.stringify({ moments: [Date.now()] }),
        signal,
      })
    const statuses = new Set<number>()
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const response = await ask(abort.signal)
        statuses.add(response.status)
        await response.body?.cancel()
      }),
    )
    abort.abort()
    assert.ok(statuses.has(429), [...statuses].join())
    await eventually(async () => {
      const response = await ask(new AbortController().signal)
      assert.equal(response.status, 200)
      await response.text()
    })
  })

  it('refuse developers', async () => {
    const paths = ['events', 'events/AUTH/1', 'requests/req_12345678', 'tail', 'whatif']
    for (const path of paths) {
      assert.equal((await api.get(`/api/forensics/${path}`, developer)).status, 403, path)
      assert.equal((await api.get(`/api/forensics/${path}`, '')).status, 401, path)
    }
    for (const path of ['states', 'verify', 'whatif']) {
      const response = await api.order(`/api/forensics/${path}`, { moments: [1] }, { cookie: developer })
      assert.equal(response.status, 403, path)
    }
  })
})
