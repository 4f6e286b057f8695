import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { HOUR_MS } from '@fluxgate/contracts'
import {
  authEvents,
  currentThrottle,
  type Database,
  getIncident,
  listIncidents,
  listThrottles,
  type NewRow,
} from '../index.ts'
import { describeOnEachPostgres } from './test-postgres.ts'

const T = Date.UTC(2026, 10, 23, 5)

describeOnEachPostgres('records of the guard and of accounts', database => {
  let db: Database
  before(() => {
    db = database()
  })

  test('incidents come newest first, by page and by state', async () => {
    await db
      .insertInto('incidents')
      .values([incident(1), incident(2), incident(3)])
      .execute()
    const first = await listIncidents(db, { limit: 2 })
    const second = await listIncidents(db, { limit: 2, before: first.next ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map(item => item.sequence),
      [3, 2, 1],
    )
    assert.equal(second.next, undefined)
    assert.deepEqual((await listIncidents(db, { limit: 9, state: 'opened' })).items.length, 1)
    const found = await getIncident(db, 'inc_00000001')
    assert.deepEqual([found?.numbers, found?.evidence], [{ tokens: 5 }, [{ stream: 'TOKENS', sequence: 3 }]])
  })

  test('one throttle of an identity is active at a time', async () => {
    await db
      .insertInto('throttles')
      .values([throttle(1, 'replaced'), throttle(2, 'active')])
      .execute()
    await assert.rejects(db.insertInto('throttles').values(throttle(3, 'active')).execute(), {
      code: '23505',
    })
    assert.equal((await listThrottles(db, { limit: 9 })).items.length, 2)
    assert.equal((await listThrottles(db, { limit: 9, activeAt: T + HOUR_MS })).items.length, 0)
    assert.equal((await currentThrottle(db, { user: 'u1', key: 'k1' }, T))?.id, 'throttle2')
    assert.equal(await currentThrottle(db, { user: 'u1', key: 'k2' }, T), undefined)
  })

  test('auth events are found by address, user and fact', async () => {
    await db
      .insertInto('auth_events')
      .values(
        [1, 2].map(n => ({
          event_id: `event${n}`,
          sequence: n,
          at: new Date(T + n),
          fact: 'login_failed',
          user_id: `u${n}`,
          key_id: 'portal',
          address: '::1',
          reason: 'wrong_credentials',
          detail: '{"count": 2}',
        })),
      )
      .execute()
    assert.deepEqual(
      (await authEvents(db, { limit: 9, address: '::1' })).items.map(item => item.id),
      ['event2', 'event1'],
    )
    assert.deepEqual((await authEvents(db, { limit: 9, user: 'u1', fact: 'login_failed' })).items, [
      {
        id: 'event1',
        sequence: 1,
        at: T + 1,
        fact: 'login_failed',
        userId: 'u1',
        keyId: 'portal',
        actor: null,
        address: '::1',
        account: null,
        reason: 'wrong_credentials',
        detail: { count: 2 },
      },
    ])
  })
})

const incident = (n: number): NewRow<'incidents'> => ({
  id: `inc_0000000${n}`,
  user_id: 'u1',
  key_id: 'k1',
  rule: 'context_flood',
  severity: 'high',
  state: n === 1 ? 'opened' : 'closed',
  explanation: 'e',
  action: 'throttled',
  sequence: n,
  numbers: '{"tokens": 5}',
  evidence: '[{"stream": "TOKENS", "sequence": 3}]',
  opened_at: new Date(T + n),
})

const throttle = (n: number, state: 'active' | 'replaced'): NewRow<'throttles'> => ({
  id: `throttle${n}`,
  user_id: 'u1',
  key_id: 'k1',
  state,
  capacity: 100,
  refill_rate: 10,
  rule: 'r',
  reason: 'flood',
  actor: 'guard',
  imposed_at: new Date(T + n),
  until: new Date(T + HOUR_MS),
  sequence: n,
})
