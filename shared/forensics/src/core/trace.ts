import type { FluxgateEvent, StoredEvent } from '@fluxgate/contracts'

/** One event of a request, with the delays by the publishers' clocks. */
export interface Step extends StoredEvent {
  readonly atMs: number
  readonly sinceStartMs: number
  readonly sinceLastMs: number
}

/** Events of one millisecond come in the order in which they follow from each other. */
const ORDER = [
  'fluxgate.auth.',
  'fluxgate.requests.admitted',
  'fluxgate.requests.refused',
  'fluxgate.tokens.progressed',
  'fluxgate.requests.',
  'fluxgate.tokens.settled',
]
const GOES_ON: ReadonlySet<string> = new Set(['fluxgate.requests.admitted', 'fluxgate.tokens.progressed'])

/** In the order of time. */
export function stepsOf(entries: readonly StoredEvent[]): Step[] {
  const ordered = entries
    .map(entry => ({ ...entry, atMs: Date.parse(entry.event.time) }))
    .sort((a, b) => a.atMs - b.atMs || rank(a.event) - rank(b.event) || a.sequence - b.sequence)
  return ordered.map((entry, index) => ({
    ...entry,
    sinceStartMs: entry.atMs - ordered[0]!.atMs,
    sinceLastMs: entry.atMs - ordered[Math.max(0, index - 1)]!.atMs,
  }))
}

function rank({ type }: FluxgateEvent): number {
  const found = ORDER.findIndex(prefix => type.startsWith(prefix))
  return found === -1 ? ORDER.length : found
}

/** What every request must have in the log and this one has not; empty for one that is complete. */
export function missingOf(entries: readonly StoredEvent[]): string[] {
  const types = entries.map(({ event }) => event.type)
  const has = (...wanted: string[]) => types.some(type => wanted.includes(type.slice('fluxgate.'.length)))
  if (has('requests.refused')) return []
  return [
    ...(has('requests.admitted') ? [] : ['admission']),
    ...(has('requests.completed', 'requests.failed', 'requests.interrupted') ? [] : ['ending']),
    ...(has('tokens.settled') ? [] : ['settlement']),
  ]
}

/** Whether this is the last event of the request in its own stream. */
export function isLastOfItsStream({ event }: StoredEvent): boolean {
  return !GOES_ON.has(event.type)
}

/** A refusal is all there is, but for the rejected key before it; an admitted request has an end and a settlement. */
export function isWhole(entries: readonly StoredEvent[]): boolean {
  const refused = entries.find(({ event }) => event.type === 'fluxgate.requests.refused')?.event
  if (refused?.type === 'fluxgate.requests.refused') {
    const isKeyRejected = entries.some(({ event }) => event.type === 'fluxgate.auth.key_rejected')
    return refused.data.reason !== 'unauthenticated' || isKeyRejected
  }
  return missingOf(entries).length === 0
}
