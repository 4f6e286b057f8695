import {
  callerFilter,
  EVENTS,
  type FluxgateEvent,
  incidentFilter,
  type StreamName,
} from '@fluxgate/contracts'
import type { Source } from './log-source.ts'

/** Which events are wanted; what is left out does not matter. */
export interface EventFilter {
  readonly streams: readonly StreamName[]
  readonly kind?: string | undefined
  readonly user?: string | undefined
  readonly key?: string | undefined
  /** Anywhere in the event, in any case. */
  readonly text?: string | undefined
}

/** The filter as far as subjects can tell it: one source for each stream that can hold such an event. */
export function sourcesOf({ streams, kind, user, key }: EventFilter): Source[] {
  return streams
    .filter(
      stream => kind === undefined || EVENTS.some(event => event.stream === stream && event.kind === kind),
    )
    .map(stream => {
      if (stream === 'incidents') return { stream, subject: incidentFilter({ kind: kind }) }
      return { stream, subject: callerFilter(stream, { kind: kind, user, key }) }
    })
}

/** All of the filter but the streams: subjects of incidents do not tell the identity, those of batches nothing. */
export function matches({ kind, user, key, text }: EventFilter, event: FluxgateEvent): boolean {
  if (kind !== undefined && !event.type.endsWith(`.${kind}`)) return false
  const data = event.data as { user?: string; key?: string }
  if (user !== undefined && data.user !== user) return false
  if (key !== undefined && data.key !== key) return false
  return text === undefined || JSON.stringify(event).toLowerCase().includes(text.toLowerCase())
}
