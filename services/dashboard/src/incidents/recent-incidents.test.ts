import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  eventMaker,
  IncidentAcknowledged,
  IncidentClosed,
  IncidentJoined,
  IncidentOpened,
  type IncidentReport,
  IncidentReported,
} from '@fluxgate/contracts'
import { RecentIncidents } from './recent-incidents.ts'

const T = Date.UTC(2026, 10, 23, 6)
let ids = 0
const make = eventMaker(
  '/guard/g/1',
  () => `event_${String(ids++).padStart(12, '0')}`,
  () => T,
)
const ID = 'inc_00000001'
const report: IncidentReport = {
  verdict: 'abuse',
  confidence: 0.9,
  severity: 'high',
  summary: 's',
  likelyCause: 'c',
  recommendedAction: 'a',
  evidence: [],
}

const opened = (incident: string, timeMs = T) =>
  make(
    IncidentOpened,
    {
      incident,
      user: 'u',
      key: 'k',
      rule: 'context_flood',
      severity: 'high',
      explanation: 'e',
      numbers: { tokens: 5 },
      evidence: [{ stream: 'TOKENS', sequence: 3 }],
      action: 'throttled',
    },
    { timeMs },
  ).event
const reported = (source: 'facts' | 'model', summary: string) =>
  make(IncidentReported, { incident: ID, source, report: { ...report, summary } }).event
const acknowledged = () => make(IncidentAcknowledged, { incident: ID, actor: 'operator:o', note: 'n' }).event
const joined = (findings: number) =>
  make(IncidentJoined, {
    incident: `inc_1${String(findings).padStart(7, '0')}`,
    user: 'u',
    key: 'k',
    rule: 'context_flood',
    into: ID,
    findings,
  }).event
const closed = () => make(IncidentClosed, { incident: ID, actor: 'operator:o', reason: 'over' }).event

function after(...events: ReturnType<typeof opened>[]) {
  const recent = new RecentIncidents(10)
  for (const event of events) recent.fold(event)
  return recent
}

describe('RecentIncidents', () => {
  it('lists incidents that the read model does not have yet', () => {
    const incident = after(opened(ID), reported('facts', 'first')).upon(ID, undefined)
    assert.deepEqual(
      [incident?.state, incident?.report?.summary, incident?.numbers.tokens, incident?.openedAt],
      ['reported', 'first', 5, T],
    )
  })

  it('advances a row of the read model, never reverts it', () => {
    const row = after(opened(ID)).upon(ID, undefined)
    const ahead = after(opened(ID), acknowledged(), reported('facts', 'late')).upon(ID, row)
    assert.deepEqual([ahead?.state, ahead?.note, ahead?.report?.summary], ['acknowledged', 'n', 'late'])
    const done = after(closed()).upon(ID, ahead)
    assert.deepEqual([done?.state, done?.closeReason], ['closed', 'over'])
    assert.deepEqual(after(opened(ID), acknowledged()).upon(ID, done), done, 'facts it holds change nothing')
  })

  it("prefers the model's report when both reports exist, in either order", () => {
    const incident = after(opened(ID), reported('model', 'wise'), reported('facts', 'plain')).upon(
      ID,
      undefined,
    )
    assert.deepEqual([incident?.reportSource, incident?.report?.summary], ['model', 'wise'])
  })

  it('lists incidents with the rows, newest first, without duplicates', () => {
    const recent = after(opened(ID, T), opened('inc_00000002', T + 5))
    const row = recent.upon(ID, undefined)!
    const other = { ...row, id: 'inc_00000000', openedAt: T - 9 }
    assert.deepEqual(
      recent.uponAll([row, other]).map(incident => incident.id),
      ['inc_00000002', ID, 'inc_00000000'],
    )
  })

  it('ignores events of unknown incidents, and is bounded', () => {
    assert.equal(after(closed()).upon(ID, undefined), undefined)
    const recent = new RecentIncidents(2)
    for (let i = 0; i < 5; i++) recent.fold(opened(`inc_0000000${i}`))
    assert.equal(recent.uponAll([]).length, 2)
  })

  it('bounds the events of one incident without losing its opening or its state', () => {
    const recent = after(opened(ID), acknowledged())
    for (let findings = 2; findings <= 1_000; findings++) recent.fold(joined(findings))
    const incident = recent.upon(ID, undefined)
    assert.deepEqual([incident?.state, incident?.findings], ['acknowledged', 1_000])
    assert.equal(recent.factsOf(ID), 50)
  })

  it('counts a repeated event once', () => {
    const event = opened(ID)
    assert.equal(after(event, event).uponAll([]).length, 1)
  })
})
