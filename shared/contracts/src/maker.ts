import type { Static, TSchema } from 'typebox'
import type { FluxgateEvent } from './catalog.ts'
import type { EventDefinition } from './envelope.ts'
import { identitySubject, incidentSubject } from './subject.ts'

/** An event on its way to the log: where it goes, and what goes there. */
export interface OutgoingEvent {
  readonly subject: string
  readonly event: FluxgateEvent
}

/** Builds an event about an identity (or, for the incidents stream, an incident) from its data. */
export type EventMaker = <D extends EventDefinition<string, TSchema>>(
  definition: D,
  data: Static<D['data']>,
  options?: { id?: string; traceparent?: string | undefined; timeMs?: number },
) => OutgoingEvent

/**
 * One maker per process. `source` is a URI reference such as `/gateway/<node>/<boot>`; `sequence` starts at 1 with it.
 * @param newId ULID or UUIDv7
 */
export function eventMaker(source: string, newId: () => string, nowMs: () => number): EventMaker {
  let sequence = 0
  return (definition, data, options) => {
    const about = data as { user: string; key: string; incident: string }
    const isIncident = definition.stream === 'incidents'
    const event = {
      specversion: '1.0',
      id: options?.id ?? newId(),
      source,
      type: definition.type,
      subject: isIncident ? about.incident : `${about.user}.${about.key}`,
      time: new Date(options?.timeMs ?? nowMs()).toISOString(),
      dataschema: definition.dataschema,
      sequence: ++sequence,
      ...(options?.traceparent === undefined ? undefined : { traceparent: options.traceparent }),
      data,
    } as unknown as FluxgateEvent
    const subject = isIncident
      ? incidentSubject(definition, about.incident)
      : identitySubject(definition, about)
    return { subject, event }
  }
}
