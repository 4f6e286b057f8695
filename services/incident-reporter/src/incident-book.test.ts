import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type EventDefinition,
  eventMaker,
  IncidentClosed,
  IncidentOpened,
  IncidentReported,
} from '@fluxgate/contracts'
import type { Static } from 'typebox'
import { IncidentBook } from './incident-book.ts'
import { caseFile, GOOD } from './test-case.ts'

const make = eventMaker(
  '/test/1',
  () => 'event-0000000000000',
  () => 0,
)
const limits = { groupWindowMs: 1_000, maxIncidents: 5 }

/** A book, with time and sequence that go on by themselves. */
function scene() {
  const book = new IncidentBook(limits)
  let sequence = 0
  const add = <D extends EventDefinition>(atMs: number, definition: D, data: Static<D['data']>) =>
    book.apply({
      stream: 'INCIDENTS',
      sequence: ++sequence,
      storedAtMs: atMs,
      event: make(definition, data).event,
    })
  const finding = (incident: string, change: object = {}) => ({ ...caseFile().incident, incident, ...change })
  return {
    book,
    finding,
    open: (atMs: number, incident: string, change: object = {}) =>
      add(atMs, IncidentOpened, finding(incident, change)),
    report: (incident: string) => add(0, IncidentReported, { incident, source: 'model', report: GOOD }),
    close: (incident: string) => add(0, IncidentClosed, { incident, actor: 'operator:ann', reason: 'known' }),
  }
}

describe('the book of incidents', () => {
  it('joins findings of one identity and rule while no pause between them is longer than the window', () => {
    const { book, open } = scene()
    open(0, 'inc_a')
    open(900, 'inc_b')
    open(1_800, 'inc_c')
    open(2_801, 'inc_d')
    assert.equal(book.joined('inc_a'), undefined)
    assert.deepEqual(book.joined('inc_b'), { into: 'inc_a', findings: 2 })
    assert.deepEqual(book.joined('inc_c'), { into: 'inc_a', findings: 3 })
    assert.equal(book.joined('inc_d'), undefined)
  })

  it('keeps identities and rules apart, and begins anew after a closing', () => {
    const { book, open, close } = scene()
    open(0, 'inc_a')
    open(1, 'inc_b', { key: 'k2' })
    open(2, 'inc_c', { rule: 'requestFlood' })
    close('inc_a')
    open(3, 'inc_d')
    for (const incident of ['inc_b', 'inc_c', 'inc_d'])
      assert.equal(book.joined(incident), undefined, incident)
  })

  it('sees the same groups when a finding is in the log twice', () => {
    const { book, open } = scene()
    open(0, 'inc_a')
    open(1, 'inc_b')
    open(2, 'inc_a')
    open(3, 'inc_b')
    assert.deepEqual(book.joined('inc_b'), { into: 'inc_a', findings: 2 })
  })

  it('finds what is similar: of the same identity first, the latest first, without what has joined', () => {
    const { book, finding, open, report, close } = scene()
    open(0, 'inc_a')
    report('inc_a')
    close('inc_a')
    open(1, 'inc_b', { key: 'other' })
    open(2, 'inc_c', { rule: 'requestFlood' })
    open(3, 'inc_d', { rule: 'requestFlood' })
    open(4, 'inc_e')
    const similar = book.similar(finding('inc_e'))
    assert.deepEqual(
      similar.map(({ incident, verdict, closedBecause, findings }) => [
        incident,
        verdict,
        closedBecause,
        findings,
      ]),
      [
        ['inc_c', undefined, undefined, 2],
        ['inc_a', 'abuse', 'known', 1],
        ['inc_b', undefined, undefined, 1],
      ],
    )
  })

  it('forgets the oldest, and its group with it', () => {
    const { book, finding, open } = scene()
    open(0, 'inc_a')
    for (let i = 0; i < limits.maxIncidents; i++) open(1, `inc_other${i}`, { user: `user${i}` })
    open(2, 'inc_b')
    assert.equal(book.joined('inc_b'), undefined)
    assert.ok(book.similar(finding('inc_b')).every(({ incident }) => incident !== 'inc_a'))
  })
})
