import type { EventDefinition, StreamName } from './envelope.ts'
import type { Identity } from './identity.ts'
import { partitionOf } from './identity.ts'

/** JetStream stream names by the first word of their subjects. */
export const STREAMS: Readonly<Record<StreamName, string>> = Object.freeze({
  requests: 'REQUESTS',
  tokens: 'TOKENS',
  auth: 'AUTH',
  throttles: 'THROTTLES',
  incidents: 'INCIDENTS',
})
export const DEADLETTER_STREAM = 'DEADLETTER'

/** `fluxgate.<stream>.<p>.<fact>.<user>.<key>`, and `fluxgate.incidents.<fact>.<incident>` for incidents. */
export function identitySubject(event: EventDefinition, identity: Identity): string {
  return `fluxgate.${event.stream}.${partitionOf(identity.user)}.${event.fact}.${identity.user}.${identity.key}`
}

export function incidentSubject(event: EventDefinition, incident: string): string {
  return `fluxgate.incidents.${event.fact}.${incident}`
}

export type ParsedSubject =
  | { stream: Exclude<StreamName, 'incidents'>; partition: string; fact: string; user: string; key: string }
  | { stream: 'incidents'; fact: string; incident: string }

export function parseSubject(subject: string): ParsedSubject | undefined {
  const part = subject.split('.')
  const [root, stream] = part
  if (root !== 'fluxgate' || stream === undefined) return undefined
  if (stream === 'incidents') {
    return part.length === 4 ? { stream, fact: part[2]!, incident: part[3]! } : undefined
  }
  if (part.length !== 6 || !(stream in STREAMS)) return undefined
  return {
    stream: stream as Exclude<StreamName, 'incidents'>,
    partition: part[2]!,
    fact: part[3]!,
    user: part[4]!,
    key: part[5]!,
  }
}

/** Filter for one fact of every identity, e.g. `fluxgate.auth.*.key_revoked.>`. */
export function factFilter(event: EventDefinition): string {
  return event.stream === 'incidents'
    ? `fluxgate.incidents.${event.fact}.*`
    : `fluxgate.${event.stream}.*.${event.fact}.>`
}

export function deadLetterSubject(stream: string): string {
  return `fluxgate.deadletter.${stream}`
}
