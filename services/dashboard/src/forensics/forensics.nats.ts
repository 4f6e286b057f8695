import { BoundedMap, DAY_MS, type GuardPolicy, type LogPosition } from '@fluxgate/contracts'
import { type Range, type RetainedRange, retention, statesAt, verify, whatIf } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import type { Policies } from '@fluxgate/operations'
import { type Database, settledView } from '@fluxgate/read-model'
import type { ForensicsLimits } from '../config.ts'
import type { EventRow, StatesView, VerdictView, WhatIfBase, WhatIfView } from './answers.ts'
import { findEvent, listEvents } from './events.nats.ts'
import type { EventPageOrder, EventSearch, Working } from './questions.ts'
import { tailLog } from './tail.nats.ts'
import { traceRequest } from './trace.nats.ts'
import { droppedOf, stateView, verdictView, whatIfView } from './views.ts'

export interface ForensicsSources {
  readonly db: Database
  readonly link: NatsLink
  readonly policies: Policies
  /** How long the projection stores rows of requests. */
  readonly requestRetentionMs: number
  readonly nowMs: () => number
}

export type Forensics = ReturnType<typeof openForensics>

/** Questions to the log itself, with the functions that the forensics command line has. */
export function openForensics(sources: ForensicsSources, limits: ForensicsLimits) {
  const { db, link, policies, nowMs } = sources
  return {
    events: (order: EventPageOrder, signal: AbortSignal) => listEvents(link, order, limits, signal),
    event: (position: LogPosition) => findEvent(db, link, position),
    trace: (request: string, signal: AbortSignal) => traceRequest(db, link, request, limits, signal),
    tail: (
      search: EventSearch,
      since: ReadonlyMap<string, number>,
      signal: AbortSignal,
      onRows: (rows: readonly EventRow[]) => void,
    ) => tailLog(link, search, since, signal, onRows),
    states: cachedStates(link, limits),

    async whatIfBase(): Promise<WhatIfBase> {
      const { policy, source } = await policies.inForce()
      return { policy, source: source === 'stored' ? 'set' : 'default' }
    },

    async whatIf(tried: GuardPolicy, range: Range, working: Working): Promise<WhatIfView> {
      const toMs = range.toMs ?? nowMs()
      const fromMs = range.fromMs ?? Math.min(...(await retention(link)).map(beginOf))
      const { result, kept } = await whatIf(link, tried, { fromMs, toMs }, working)
      return whatIfView({ fromMs, toMs }, result, kept, limits.forensicsRows)
    },

    verify: (range: Range, working: Working) => verifyRange(sources, limits, range, working),
  }
}

function beginOf({ firstStoredAtMs }: RetainedRange): number {
  return firstStoredAtMs ?? Number.POSITIVE_INFINITY
}

/** Answers about past moments are cached: the past does not change. */
function cachedStates(
  link: NatsLink,
  { maxCachedAnswers, forensicsRows }: ForensicsLimits,
): (moments: readonly number[], working: Working) => Promise<StatesView> {
  const cached = new BoundedMap<string, StatesView>(maxCachedAnswers)
  return async (moments, working) => {
    const asked = moments.join(',')
    const known = cached.get(asked)
    if (known) return known
    const found = await statesAt(link, moments, working)
    const view: StatesView = {
      states: found.states.map(state => stateView(state, forensicsRows)),
      dropped: droppedOf(found.kept, Number.NEGATIVE_INFINITY),
    }
    if (working.signal.aborted) return view
    cached.set(asked, view)
    return view
  }
}

async function verifyRange(
  { db, link, requestRetentionMs, nowMs }: ForensicsSources,
  { forensicsRows, maxViolations }: ForensicsLimits,
  range: Range,
  working: Working,
): Promise<VerdictView> {
  const now = nowMs()
  // Rows are deleted by the day: near the limit they may be there or not.
  const projected = { ...settledView(db), retainedFromMs: now - requestRetentionMs + DAY_MS }
  const found = await verify(link, { range, projected, nowMs: now }, working)
  return verdictView(found, forensicsRows, maxViolations)
}
