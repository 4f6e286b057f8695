import {
  type EventNamed,
  type FluxgateEvent,
  type LogPosition,
  placeOf,
  positionText,
} from '@fluxgate/contracts'
import type { PastIncident } from './incident-book.ts'

export type Incident = EventNamed<'incidents.opened'>['data']

/** An event that the incident cites, or that it could have cited. */
export interface Evidence extends LogPosition {
  readonly event: FluxgateEvent
}

/** How often each of several texts occurred, the most frequent first. */
export type Tally = ReadonlyArray<readonly [text: string, count: number]>

/** What the log tells about the identity besides the evidence. */
export interface History {
  /** Requests admitted shortly before the incident; `isCut` when there were more than were counted. */
  readonly requests: {
    readonly count: number
    readonly isCut: boolean
    readonly models: Tally
    readonly agents: Tally
    readonly addresses: Tally
    readonly paths: Tally
  }
  /** Throttles imposed, pardoned and expired before the incident, the latest last. */
  readonly throttles: readonly Evidence[]
  /** Earlier incidents of the identity, then of the rule; the latest first. */
  readonly incidents: readonly PastIncident[]
}

/** All that a report may rest on. */
export interface CaseFile {
  readonly incident: Incident
  readonly openedAt: string
  /** Where the incident itself stands in the log. */
  readonly reference: LogPosition
  readonly evidence: readonly Evidence[]
  /** Cited events that the log does not hold any more. */
  readonly missing: number
  readonly history: History
}

/** What a report about the case may cite. */
export function citable({ reference, evidence, history }: CaseFile): LogPosition[] {
  const past = history.incidents.map(each => each.reference)
  return [reference, ...evidence, ...history.throttles, ...past].map(placeOf)
}

/**
 * What claimed references mean, each once. Models leave the index of an event out, or make one up: what names a message of
 * the case file means the first of its events there.
 * @returns `invented`: those that are not in the case file. A report with any of them is refused.
 */
export function resolveReferences(file: CaseFile, claimed: readonly LogPosition[]) {
  const known = new Map<string, LogPosition>()
  for (const position of citable(file).toReversed()) {
    known.set(messageText(position), position)
  }
  for (const position of citable(file)) known.set(positionText(position), position)
  const cited = new Map<string, LogPosition>()
  const invented: LogPosition[] = []
  for (const reference of claimed) {
    const found = known.get(positionText(reference)) ?? known.get(messageText(reference))
    if (found) cited.set(positionText(found), found)
    else invented.push(reference)
  }
  return { cited: [...cited.values()], invented }
}

function messageText({ stream, sequence }: LogPosition): string {
  return `${stream} ${sequence}`
}

const MAX_TALLIED = 5

/** The most frequent texts; the rest is left out. */
export function tally(texts: Iterable<string>): Tally {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, MAX_TALLIED)
}

/** Tokens that an event stands for; 0 for one that spends none. */
export function tokensOf({ event }: Evidence): number {
  if (event.type === 'fluxgate.tokens.settled') return event.data.total - event.data.progressed
  return event.type === 'fluxgate.tokens.progressed' ? event.data.delta : 0
}
