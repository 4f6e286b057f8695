import assert from 'node:assert/strict'
import { it } from 'node:test'
import { timelineOf } from './timeline.ts'

const nothing = { auth: [], throttles: [], incidents: [], budgets: [] }
const auth = { actor: null, address: null, reason: null, detail: {} }
const throttle = {
  id: 't1',
  rule: 'contextFlood',
  reason: 'too much',
  actor: 'guard',
  incidentId: 'inc_1',
  state: 'pardoned',
  imposedAt: 10,
  endedAt: 30,
  endedBy: 'operator:u_o',
  endReason: 'known job',
}
const incident = {
  id: 'inc_1',
  rule: 'contextFlood',
  explanation: 'e',
  openedAt: 9,
  joinedInto: null,
  closedAt: null,
  closedBy: null,
  closeReason: null,
}

it('timelineOf lists what happened, newest first, with the actor', () => {
  const found = timelineOf(
    {
      ...nothing,
      auth: [
        {
          ...auth,
          id: 'a',
          at: 20,
          fact: 'tier_changed',
          actor: 'admin',
          detail: { from: 'free', to: 'pro' },
        },
      ],
      throttles: [throttle],
      incidents: [incident],
    },
    10,
  )
  assert.deepEqual(
    found.map(({ at, fact, actor, text, href }) => [at, fact, actor, text, href]),
    [
      [30, 'pardoned', 'operator:u_o', 'known job', '/incidents/inc_1'],
      [20, 'tier_changed', 'admin', 'free → pro', null],
      [10, 'imposed', 'guard', 'contextFlood: too much', '/incidents/inc_1'],
      [9, 'opened', null, 'contextFlood: e', '/incidents/inc_1'],
    ],
  )
})

it('timelineOf omits key uses and ends of replaced throttles', () => {
  const replaced = { ...throttle, state: 'replaced' }
  const found = timelineOf(
    { ...nothing, auth: [{ ...auth, id: 'a', at: 1, fact: 'key_accepted' }], throttles: [replaced] },
    10,
  )
  assert.deepEqual(
    found.map(({ fact }) => fact),
    ['imposed'],
  )
})

it('timelineOf is bounded, and links a joined finding to its incident', () => {
  const joined = { ...incident, id: 'inc_2', openedAt: 12, joinedInto: 'inc_1' }
  const found = timelineOf({ ...nothing, incidents: [incident, joined] }, 1)
  assert.deepEqual(
    found.map(({ fact, href }) => [fact, href]),
    [['joined', '/incidents/inc_1']],
  )
})
