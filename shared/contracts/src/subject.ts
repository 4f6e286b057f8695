import type { EventDefinition, StreamName } from './envelope.ts'
import type { Identity } from './identity.ts'
import { ANONYMOUS, identityText, partitionOf } from './identity.ts'

/** JetStream stream names by the first word of their subjects. */
export const STREAMS: Readonly<Record<StreamName, string>> = Object.freeze({
  requests: 'REQUESTS',
  tokens: 'TOKENS',
  auth: 'AUTH',
  throttles: 'THROTTLES',
  incidents: 'INCIDENTS',
  refusals: 'REFUSALS',
})
export const DEADLETTER_STREAM = 'DEADLETTER'

/** The stream that stores an event about this identity. */
export function streamOf(event: EventDefinition, user: string): StreamName {
  return user === ANONYMOUS && event.strangers ? event.strangers : event.stream
}

/** `fluxgate.<stream>.<p>.<fact>.<user>.<key>`, and `fluxgate.incidents.<fact>.<incident>` for incidents. */
export function identitySubject(event: EventDefinition, identity: Identity): string {
  return `fluxgate.${streamOf(event, identity.user)}.${partitionOf(identity.user)}.${event.kind}.${identityText(identity)}`
}

export function incidentSubject(event: EventDefinition, incident: string): string {
  return incidentFilter({ kind: event.kind, incident })
}

export type ParsedSubject =
  | { stream: Exclude<StreamName, 'incidents'>; partition: string; kind: string; user: string; key: string }
  | { stream: 'incidents'; kind: string; incident: string }

export function parseSubject(subject: string): ParsedSubject | undefined {
  const part = subject.split('.')
  const [root, stream] = part
  if (root !== 'fluxgate' || stream === undefined) return undefined
  if (stream === 'incidents') {
    return part.length === 4 ? { stream, kind: part[2]!, incident: part[3]! } : undefined
  }
  if (part.length !== 6 || !(stream in STREAMS)) return undefined
  return {
    stream: stream as Exclude<StreamName, 'incidents'>,
    partition: part[2]!,
    kind: part[3]!,
    user: part[4]!,
    key: part[5]!,
  }
}

interface About {
  readonly type: string
  readonly subject: string
  readonly data: object
}

/**
 * Whether an event is stored under what it says: its fact, and the identity or incident of its `data` and `subject`. The
 * stream is not compared: events about callers without an identity had another one in earlier versions.
 */
export function isStoredUnder(storedSubject: string, { type, subject, data }: About): boolean {
  const batched = /^fluxgate\.(\w+)\.\d{1,2}$/.exec(storedSubject)?.[1]
  if (batched !== undefined) return type.startsWith(`fluxgate.${batched}.`)
  const stored = parseSubject(storedSubject)
  if (!stored || !type.endsWith(`.${stored.kind}`)) return false
  const { user, key, incident } = data as { user?: string; key?: string; incident?: string }
  if (stored.stream === 'incidents') return stored.incident === subject && subject === incident
  const isPartition = stored.partition === partitionOf(stored.user)
  return isPartition && `${stored.user}.${stored.key}` === subject && subject === `${user}.${key}`
}

/** Filter for one fact of every identity, e.g. `fluxgate.auth.*.key_revoked.>`. */
export function eventFilter(event: EventDefinition): string {
  return event.stream === 'incidents'
    ? `fluxgate.incidents.${event.kind}.*`
    : `fluxgate.${event.stream}.*.${event.kind}.>`
}

/** Filters for one fact of every identity and of callers without one. */
export function eventFilters(event: EventDefinition): string[] {
  const strangers = event.strangers && `fluxgate.${event.strangers}.*.${event.kind}.>`
  return strangers === undefined ? [eventFilter(event)] : [eventFilter(event), strangers]
}

interface CallerFilter {
  readonly kind?: string | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
}

interface IncidentFilter {
  readonly kind?: string | undefined
  readonly incident?: string | undefined
}

/** Filter for the events of callers in a stream: of one user, one of its keys, one kind of event, or of all. */
export function callerFilter(
  stream: Exclude<StreamName, 'incidents'>,
  { kind = '*', user = '*', key = '*' }: CallerFilter,
): string {
  const partition = user === '*' ? '*' : partitionOf(user)
  return `fluxgate.${stream}.${partition}.${kind}.${user}.${key}`
}

/** Filter for the events of incidents: of one, of one kind, or of all. */
export function incidentFilter({ kind = '*', incident = '*' }: IncidentFilter): string {
  return `fluxgate.incidents.${kind}.${incident}`
}

export function deadLetterSubject(stream: string): string {
  return `fluxgate.deadletter.${stream}`
}
