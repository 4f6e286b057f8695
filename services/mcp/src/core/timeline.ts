import type { FluxgateEvent } from '@fluxgate/contracts'

/** An event with its place in the log. */
export interface LoggedFact {
  readonly stream: string
  readonly sequence: number
  readonly storedAtMs: number
  readonly event: FluxgateEvent
}

export interface Step extends LoggedFact {
  readonly atMs: number
  /** Since the first event, and since the one before, by the publishers' clocks. */
  readonly sinceStartMs: number
  readonly sinceLastMs: number
}

/** Facts of one millisecond come in the order in which they follow from each other. */
const ORDER = [
  'fluxgate.auth.',
  'fluxgate.requests.admitted',
  'fluxgate.requests.refused',
  'fluxgate.tokens.progressed',
  'fluxgate.requests.',
  'fluxgate.tokens.settled',
]

export function timeline(facts: readonly LoggedFact[]): Step[] {
  const ordered = facts
    .map(fact => ({ ...fact, atMs: Date.parse(fact.event.time) }))
    .sort((a, b) => a.atMs - b.atMs || rank(a.event) - rank(b.event) || a.sequence - b.sequence)
  return ordered.map((fact, index) => ({
    ...fact,
    sinceStartMs: fact.atMs - ordered[0]!.atMs,
    sinceLastMs: fact.atMs - ordered[Math.max(0, index - 1)]!.atMs,
  }))
}

function rank({ type }: FluxgateEvent): number {
  const found = ORDER.findIndex(prefix => type.startsWith(prefix))
  return found === -1 ? ORDER.length : found
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARS = 10

/** The time in an id that is or ends in a ULID, epoch milliseconds. */
export function timeOfId(id: string): number | undefined {
  const ulid = /(?:^|[_-])([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(id)?.[1]
  if (ulid === undefined) return undefined
  let ms = 0
  for (const char of ulid.slice(0, TIME_CHARS)) ms = ms * 32 + CROCKFORD.indexOf(char)
  return ms
}
