import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BudgetCrossed,
  IncidentJoined,
  IncidentReported,
  type LogEvent,
  PasswordChanged,
  PolicyChanged,
  ThrottleExpired,
  ThrottleImposed,
  ThrottlePardoned,
  UserDisabled,
  UserEnabled,
} from '@fluxgate/contracts'
import { admitted, entryOf, identity, make, permutations, T } from '../../test/events.ts'
import { foldAuth } from './auth.ts'
import { foldBudgets } from './budgets.ts'
import { foldIncidents } from './incidents.ts'
import { foldThrottles } from './throttles.ts'

test('a throttle ends by its successor, by a pardon or by its own end, and only once', () => {
  const impose = (until: number) =>
    make(ThrottleImposed, {
      ...identity,
      capacity: 1,
      refillRate: 1,
      until,
      reason: 'r',
      rule: 'flood',
      actor: 'guard',
    })
  const first = impose(T + 1_000)
  const second = impose(T + 2_000)
  const third = impose(T + 3_000)
  const expiry = make(ThrottleExpired, { ...identity, until: T + 1_000 })
  const pardon = make(ThrottlePardoned, { ...identity, actor: 'admin', reason: 'sorry' }, { timeMs: T + 9 })
  const rows = foldThrottles([first, second, expiry, pardon, expiry, third].map(entryOf), [])
  assert.deepEqual(
    rows.map(row => row.state),
    ['replaced', 'pardoned', 'active'],
  )
  assert.deepEqual([rows[1]!.endedAtMs, rows[1]!.endedBy, rows[1]!.endReason], [T + 9, 'admin', 'sorry'])
  const active = rows[2]!
  assert.deepEqual(foldThrottles([second, expiry].map(entryOf), [rows[1]!, active]), [])
  const later = make(ThrottleExpired, { ...identity, until: T + 3_000 })
  assert.deepEqual(
    foldThrottles([entryOf(later)], [active]).map(row => row.state),
    ['expired'],
  )
  assert.deepEqual(foldThrottles([entryOf(pardon)], []), [])
})

test('a model’s report supersedes the events, whichever comes first', () => {
  const report = (source: 'facts' | 'model', summary: string, timeMs: number) =>
    make(
      IncidentReported,
      {
        incident: 'inc_00000001',
        source,
        report: {
          verdict: 'abuse',
          confidence: 1,
          severity: 'low',
          summary,
          likelyCause: '',
          recommendedAction: '',
          evidence: [],
        },
      },
      { timeMs },
    )
  for (const order of permutations([
    report('facts', 'f', T),
    report('model', 'old', T + 1),
    report('model', 'new', T + 2),
  ])) {
    const { patches } = foldIncidents(order.map(entryOf))
    assert.match(patches[0]!.report!, /"summary":"new"/)
    assert.equal(patches[0]!.reportSource, 'model')
  }
})

test('auth events keep what has no column', () => {
  const entry = entryOf(admitted)
  const data = { ...identity, address: '::1', count: 3 }
  const event = { ...entry.event, type: 'fluxgate.auth.key_accepted', data } as LogEvent['event']
  const [row, ...rest] = foldAuth([
    { ...entry, event },
    { ...entry, event },
  ])
  assert.deepEqual(
    [row!.fact, row!.address, row!.detail, rest.length],
    ['key_accepted', '::1', '{"count":3}', 0],
  )
})

test('events about accounts and policies keep who, why and what changed', () => {
  const changes = [{ path: '/free/capacity', from: '100', to: '200' }]
  const rows = foldAuth(
    [
      make(PasswordChanged, { ...identity, actor: 'self', address: '::1' }),
      make(UserDisabled, { ...identity, actor: 'admin', reason: 'fraud' }),
      make(UserEnabled, { ...identity, actor: 'admin', reason: 'a mistake' }),
      make(PolicyChanged, { user: 'all', key: 'limits', policy: 'limits', actor: 'operator:ann', changes }),
    ].map(entryOf),
  )
  assert.deepEqual(
    rows.map(row => [row.fact, row.actor, row.reason]),
    [
      ['password_changed', 'self', null],
      ['user_disabled', 'admin', 'fraud'],
      ['user_enabled', 'admin', 'a mistake'],
      ['policy_changed', 'operator:ann', null],
    ],
  )
  assert.deepEqual(JSON.parse(rows[3]!.detail), { policy: 'limits', changes })
})

test('a budget’s crossing is one row when its event comes once or twice', () => {
  const crossed = make(BudgetCrossed, {
    ...identity,
    request: 'request_1',
    budget: 'team',
    each: 'user',
    holder: 'ann',
    period: 'month',
    periodStart: T - 1_000,
    level: 'soft',
    unit: 'usd',
    limit: 12.5,
    used: 12.6,
  })
  const rows = foldBudgets([crossed, crossed].map(entryOf))
  assert.equal(rows.length, 1)
  assert.deepEqual([rows[0]!.budget, rows[0]!.periodStartMs, rows[0]!.data.used], ['team', T - 1_000, 12.6])
})

test('a throttle says whether it ended streams; a finding says which incident grew by it', () => {
  const throttle = {
    ...identity,
    capacity: 1,
    refillRate: 1,
    until: T,
    reason: 'r',
    rule: 'x',
    actor: 'guard',
  }
  const [row] = foldThrottles([entryOf(make(ThrottleImposed, { ...throttle, endStreams: true }))], [])
  assert.equal(row!.endStreams, true)
  const joined = (incident: string, findings: number) =>
    make(IncidentJoined, { incident, ...identity, rule: 'x', into: 'inc_00000001', findings })
  for (const order of permutations([joined('inc_00000002', 2), joined('inc_00000003', 3)])) {
    const { patches } = foldIncidents(order.map(entryOf))
    const of = (id: string) => patches.find(patch => patch.id === id)!
    assert.deepEqual([of('inc_00000001').findings, of('inc_00000002').joinedInto], [3, 'inc_00000001'])
  }
})
