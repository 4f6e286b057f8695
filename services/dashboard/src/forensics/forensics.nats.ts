import { type GuardPolicy, parseIdentity, STREAMS, type StreamName } from '@fluxgate/contracts'
import {
  type DroppedPart,
  eventAt,
  eventPage,
  findRequest,
  type Kept,
  missingOf,
  retention,
  type StateAt,
  statesAt,
  stepsOf,
  timeOfId,
  type Verdict,
  verify,
  type WhatIfResult,
  whatIf,
} from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import { asOf, type Database, getRequest, settledView } from '@fluxgate/read-model'
import type { Names } from '../accounts/answers.ts'
import { namesOf } from '../accounts/names.pg.ts'
import { DEFAULT_POLICY } from '../policy/policies.nats.ts'
import type {
  DroppedView,
  EventRows,
  EventView,
  StatesView,
  StateView,
  TraceView,
  VerdictView,
  WhatIfView,
} from './answers.ts'
import { rowOf } from './event-row.ts'
import type { EventPageOrder, Forensics, ForensicsLimits, LogSpan, Working } from './questions.ts'
import { tailLog } from './tail.nats.ts'
import { barsOf } from './trace-bars.ts'

export interface ForensicsSources {
  readonly db: Database
  readonly link: NatsLink
  /** The guard's policy in its bucket. */
  readonly policy: () => Promise<GuardPolicy | null>
  /** How long the projection keeps rows of requests. */
  readonly requestsKeptMs: number
  readonly nowMs: () => number
}

const DAY_MS = 86_400_000

/** Questions to the log itself, with the functions that the forensics command line has. */
export function openForensics(sources: ForensicsSources, limits: ForensicsLimits): Forensics {
  const { db, link, policy, nowMs } = sources
  const states = keptStates(link, limits)
  return {
    events: (order, signal) => events(link, order, limits, signal),
    event: (stream, sequence, signal) => event(db, link, stream, sequence, signal),
    trace: (request, signal) => trace(db, link, request, limits, signal),
    tail: (search, since, signal, onRows) => tailLog(link, search, since, signal, onRows),
    states: (moments, working) => states(moments, working),

    async whatIfBase() {
      const set = await policy()
      return set ? { policy: set, source: 'set' } : { policy: DEFAULT_POLICY, source: 'default' }
    },

    async whatIf(tried, span, working) {
      const toMs = span.toMs ?? nowMs()
      const fromMs = span.fromMs ?? Math.min(...(await retention(link)).map(beginOf))
      const { result, kept } = await whatIf(link, tried, { fromMs, toMs }, working)
      return whatIfView({ fromMs, toMs }, result, kept, limits)
    },

    verify: (span, working) => verdict(sources, limits, span, working),
  }
}

function beginOf({ firstStoredAtMs }: Kept): number {
  return firstStoredAtMs ?? Number.POSITIVE_INFINITY
}

async function events(
  link: NatsLink,
  { order, after, limit, fromMs, toMs, ...filter }: EventPageOrder,
  { pageScanned: maxScanned, pageMs: maxMs }: ForensicsLimits,
  signal: AbortSignal,
): Promise<EventRows> {
  const kept = await retention(link)
  const query = { filter, range: { fromMs, toMs }, order, after, limit, maxScanned, maxMs }
  const { items, next, scanned, reachedMs } = await eventPage(link, query, signal)
  return {
    items: items.map(rowOf),
    next: next === undefined ? null : cursorOf(next),
    scanned,
    reachedAt: reachedMs,
    head: cursorOf(new Map(kept.map(({ stream, lastSequence }) => [stream, lastSequence]))),
    held: kept
      .filter(({ stream }) => filter.streams.some(name => STREAMS[name] === stream))
      .reduce(
        (sum, { firstSequence, lastSequence }) => sum + Math.max(0, lastSequence - firstSequence + 1),
        0,
      ),
  }
}

function cursorOf(positions: ReadonlyMap<string, number>): string {
  return [...positions].map(([stream, sequence]) => `${stream}.${sequence}`).join('_')
}

async function event(
  db: Database,
  link: NatsLink,
  stream: StreamName,
  sequence: number,
  signal: AbortSignal,
): Promise<EventView | undefined> {
  const found = await eventAt(link, stream, sequence, signal)
  if (!found) return unreadableAt(link, stream, sequence)
  const row = rowOf(found)
  const { event: whole, subject } = found
  return {
    ...row,
    subject,
    time: Date.parse(whole.time),
    event: whole,
    names: await namesOfText(db, row.identity),
  }
}

/** Undefined when nothing stands there, or not any more. */
async function unreadableAt(
  link: NatsLink,
  stream: StreamName,
  sequence: number,
): Promise<EventView | undefined> {
  const name = STREAMS[stream]
  const message = await link.manager.streams.getMessage(name, { seq: sequence }).catch(() => undefined)
  if (!message) return undefined
  const { subject, time, data } = message
  const reason = 'not an event that this version can read'
  const row = rowOf({ stream: name, sequence, storedAtMs: time.getTime(), subject, reason })
  return {
    ...row,
    subject,
    time: null,
    event: new TextDecoder().decode(data),
    names: { users: {}, keys: {} },
  }
}

async function namesOfText(db: Database, identity: string | null): Promise<Names> {
  const owner = identity === null ? undefined : parseIdentity(identity)
  return namesOf(db, owner ? [{ userId: owner.user, keyId: owner.key }] : [])
}

async function trace(
  db: Database,
  link: NatsLink,
  request: string,
  { traceScanned: maxScanned }: ForensicsLimits,
  signal: AbortSignal,
): Promise<TraceView | undefined> {
  // The tables know whose it is, which narrows the search to that identity's subjects.
  const row = await getRequest(db, request)
  const identity = row && row.userId !== 'anonymous' ? { user: row.userId, key: row.keyId } : undefined
  const fromMs = timeOfId(request) ?? row?.at
  const { items, cut } = await findRequest(link, { request, identity, fromMs, maxScanned }, signal)
  const steps = stepsOf(items)
  if (steps.length === 0) return undefined
  const positions = (await asOf(db)).filter(({ stream }) => steps.some(step => step.stream === stream))
  const projected =
    positions.length === 0
      ? null
      : steps.every(step => positions.some(at => at.stream === step.stream && at.sequence >= step.sequence))
  // A position is stored with its rows: only while it still stands at this request does its time tell when that was.
  const exact = positions.find(at =>
    steps.some(step => step.stream === at.stream && step.sequence === at.sequence),
  )
  const { startMs, bars } = barsOf(steps, projected ? exact?.updatedAt : undefined)
  const rows = steps.map(step => ({ ...rowOf(step), ...timesOf(step) }))
  const owner = rows.find(each => each.identity !== null)?.identity ?? null
  return {
    request,
    identity: owner,
    names: await namesOfText(db, owner),
    steps: rows,
    startedAt: startMs,
    bars,
    missing: missingOf(items),
    projected,
    cut,
  }
}

function timesOf({ atMs: time, sinceStartMs, sinceLastMs }: ReturnType<typeof stepsOf>[number]) {
  return { time, sinceStartMs, sinceLastMs }
}

function keptStates(
  link: NatsLink,
  { keptAnswers, forensicsRows }: ForensicsLimits,
): (moments: readonly number[], working: Working) => Promise<StatesView> {
  const kept = new Map<string, StatesView>()
  return async (moments, working) => {
    const asked = moments.join(',')
    const known = kept.get(asked)
    if (known) return known
    const found = await statesAt(link, moments, working)
    const view: StatesView = {
      states: found.states.map(state => stateView(state, forensicsRows)),
      dropped: droppedOf(found.kept, Number.NEGATIVE_INFINITY),
    }
    if (working.signal.aborted) return view
    kept.set(asked, view)
    if (kept.size > keptAnswers) kept.delete(kept.keys().next().value!)
    return view
  }
}

function stateView(
  { atMs, totals, identities, buckets, throttles, incidents }: StateAt,
  rows: number,
): StateView {
  return {
    at: atMs,
    totals,
    identities,
    buckets: buckets.slice(0, rows),
    bucketCount: buckets.length,
    throttles: throttles
      .slice(0, rows)
      .map(({ reason: _, incident, ...throttle }) => ({ ...throttle, incident: incident ?? null })),
    throttleCount: throttles.length,
    incidents: incidents.slice(0, rows).map(({ incident, identity, rule, severity, openedAtMs, state }) => ({
      incident,
      identity,
      rule,
      severity,
      openedAtMs,
      state,
    })),
    incidentCount: incidents.length,
  }
}

/** What retention has dropped of a range. */
function droppedOf(kept: readonly Kept[], fromMs: number): DroppedView[] {
  return kept
    .filter(({ wholeFromMs }) => wholeFromMs > fromMs)
    .map(({ stream, dropped: messages, firstStoredAtMs: firstStoredAt }) => ({
      stream,
      messages,
      firstStoredAt,
    }))
}

function droppedPart({ stream, messages, firstStoredAtMs: firstStoredAt }: DroppedPart): DroppedView {
  return { stream, messages, firstStoredAt }
}

function whatIfView(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { rows, counts, throttled, facts }: WhatIfResult,
  kept: readonly Kept[],
  { forensicsRows }: ForensicsLimits,
): WhatIfView {
  // What differs is shown first when not all can be.
  const shown =
    rows.length <= forensicsRows
      ? rows
      : [...rows].sort((a, b) => sameness(a) - sameness(b)).slice(0, forensicsRows)
  return {
    from: Number.isFinite(fromMs) ? fromMs : toMs,
    to: toMs,
    rows: shown,
    rowCount: rows.length,
    counts,
    throttled,
    facts: [...facts.values()].reduce((sum, count) => sum + count, 0),
    dropped: droppedOf(kept, fromMs),
  }
}

function sameness({ difference }: { difference: string }): number {
  return difference === 'same' ? 1 : 0
}

async function verdict(
  { db, link, requestsKeptMs, nowMs }: ForensicsSources,
  { forensicsRows, maxOffenders }: ForensicsLimits,
  range: LogSpan,
  working: Working,
): Promise<VerdictView> {
  const now = nowMs()
  // Rows are deleted by the day: near the limit they may be there or not.
  const projected = { ...settledView(db), keptFromMs: now - requestsKeptMs + DAY_MS }
  const found = await verify(link, { range, projected, nowMs: now }, working)
  return verdictView(found, forensicsRows, maxOffenders)
}

function verdictView(found: Verdict, rows: number, maxOffenders: number): VerdictView {
  const { holds, fromMs: from, toMs: to, facts, whole, endedOfBefore, identities, offenders } = found
  const offences: Record<string, number> = {}
  for (const { offence } of offenders) offences[offence] = (offences[offence] ?? 0) + 1
  const busiest = [...identities]
    .map(([identity, sums]) => ({ identity, sums }))
    .sort((a, b) => b.sums.admitted + b.sums.refused - a.sums.admitted - a.sums.refused)
  return {
    holds,
    from,
    to,
    facts,
    whole,
    endedOfBefore,
    identityCount: identities.size,
    identities: busiest.slice(0, rows),
    projected: found.projected ?? null,
    offences,
    offenders: offenders.slice(0, maxOffenders).map(({ offence, detail, identity, request, places }) => ({
      offence,
      detail,
      identity: identity ?? null,
      request: request ?? null,
      places,
    })),
    dropped: found.dropped.map(droppedPart),
  }
}
