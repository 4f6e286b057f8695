import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { DEADLETTER_STREAM, STREAMS } from '@fluxgate/contracts'
import { type Offender, verify } from '@fluxgate/forensics'
import { openDatabase, settledView } from '@fluxgate/read-model'
import { type Alteration, Alterations } from '../test/alterations.ts'
import { log, type Message, type ProjectedLog, projectedLog } from '../test/projected-log.ts'
import { refusals, workload } from '../test/workload.ts'
import { compareTables } from './compare.nats.ts'
import type { RowDifference } from './tables/compare.pg.ts'

/** What is missing a minute after the end of a request is not on its way any more. */
const CLOSED_MS = 120_000

/** The event's own name: no other event repeats it, and no table holds it. */
const NAME = 'id'

/**
 * Values that neither `verify` nor the comparison of the tables with the log can know to be altered: nothing else in the
 * log or the tables says the same. Type → paths. Whatever a later event has replaced is not seen either, as the report that
 * came before another one.
 */
const NOT_SEEN: Readonly<Record<string, readonly string[]>> = {
  'fluxgate.requests.admitted': [NAME],
  'fluxgate.requests.refused': [NAME, 'data.windowMs'],
  'fluxgate.requests.completed': [NAME],
  'fluxgate.requests.interrupted': [NAME],
  'fluxgate.requests.failed': [NAME],
  'fluxgate.tokens.settled': [NAME, 'data.refillRate'],
  'fluxgate.tokens.progressed': [NAME, 'time', 'data.refillRate', 'data.elapsedMs'],
  'fluxgate.throttles.pardoned': [NAME, 'data.incident'],
  'fluxgate.incidents.opened': [NAME],
  'fluxgate.incidents.reported': [NAME],
  // The projection holds what an incident was joined into.
  'fluxgate.incidents.joined': [NAME, 'time', 'data.user', 'data.key', 'data.rule', 'data.findings'],
  'fluxgate.incidents.acknowledged': [NAME],
  'fluxgate.incidents.closed': [NAME],
}

describe('the log', () => {
  const events = workload({ requests: 300, users: 200, factsEvery: 5 })
  let projected: ProjectedLog
  before(async () => {
    projected = await projectedLog([...events, ...refusals(20)])
  })
  after(() => projected[Symbol.asyncDispose]())

  it('is named by verify or by the comparison with the tables when any value of a message is altered', async t => {
    const streams = Object.values(STREAMS)
    const reported = new Map<string, Message[]>()
    for (const stream of streams) reported.set(stream, await projected.messagesOf(stream))
    const alterations = new Alterations(reported)
    const imposed = new Map(
      events
        .filter(({ event }) => event.type === 'fluxgate.throttles.imposed')
        .map(({ event }) => [event.id, event.subject]),
    )
    let rounds = 0
    for (let round = alterations.next(); round.length > 0; round = alterations.next(), rounds++) {
      for (const stream of streams) {
        const messages = reported.get(stream)!.slice()
        for (const alteration of round)
          if (alteration.stream === stream) messages[alteration.sequence - 1] = alteration.altered
        await projected.refill(stream, messages)
      }
      // What was put aside in an earlier round says nothing about this one.
      await projected.link.manager.streams.purge(DEADLETTER_STREAM)
      const found = await findings(projected)
      alterations.sort(alteration => isNamed(alteration, found, imposed))
    }
    t.diagnostic(`${alterations.made} messages altered in ${rounds} rounds`)
    assert.deepEqual(alterations.unnamed(), NOT_SEEN)
  })
})

interface Findings {
  readonly offenders: readonly Offender[]
  readonly differences: readonly RowDifference[]
}

async function findings({ link, config }: ProjectedLog): Promise<Findings> {
  await using db = openDatabase(config.databaseUrl)
  const { differences } = await compareTables(config, log)
  const view = { retainedFromMs: 0, ...settledView(db) }
  const { offenders } = await verify(link, { range: {}, projected: view, nowMs: Date.now() + CLOSED_MS })
  return { offenders, differences }
}

/** Whether a finding is about this message, its request or incident, or about sums or throttles of its identity. */
function isNamed(
  { stream, sequence, before }: Alteration,
  { offenders, differences }: Findings,
  imposed: ReadonlyMap<string, string>,
): boolean {
  const { id, source, subject, data } = before
  const { request, incident } = data as { request?: string; incident?: string }
  const ids = new Set([id, request, incident].filter(name => name !== undefined))
  return (
    offenders.some(
      offender =>
        (offender.request !== undefined && ids.has(offender.request)) ||
        offender.places.some(place => place.stream === stream && place.sequence === sequence) ||
        isMissingFrom(offender.detail, source, before.sequence),
    ) ||
    differences.some(({ table, key }) => {
      if (table === 'throttles') return imposed.get(key.id as string) === subject
      if (key.user_id !== undefined) return `${key.user_id}.${key.key_id}` === subject
      return [key.request_id, key.event_id, key.id].some(value => ids.has(value as string))
    })
  )
}

function isMissingFrom(detail: string, source: string, sequence: number): boolean {
  const [, first, last = first] = /gave numbers? (\d+)(?: to (\d+))?/.exec(detail) ?? []
  return detail.startsWith(`${source} `) && Number(first) <= sequence && sequence <= Number(last)
}
