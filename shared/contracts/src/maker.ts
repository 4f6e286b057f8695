import type { Static, TSchema } from 'typebox'
import type { FluxgateEvent } from './catalog.ts'
import type { EventDefinition } from './envelope.ts'
import { identityText } from './identity.ts'
import { identitySubject, incidentSubject } from './subject.ts'

/** An event on its way to the log: where it goes, and what goes there. */
export interface OutgoingEvent {
  readonly subject: string
  readonly event: FluxgateEvent
  /** Its id is made from what it says: several may publish it, and its stream drops the copies. */
  readonly hasOwnId?: boolean
}

/** Builds an event about an identity (or, for the incidents stream, an incident) from its data. */
export type EventMaker = <D extends EventDefinition<string, TSchema>>(
  definition: D,
  data: Static<D['data']>,
  options?: { id?: string; traceparent?: string | undefined; timeMs?: number },
) => OutgoingEvent

/**
 * One maker per process. `source` is a URI reference such as `/gateway/<node>/<boot>`; `sequence` starts at 1 with it.
 * An event with an id that is made from what it says can be told by several publishers, and its stream drops the copies: it
 * takes no number, so that no number is missing where a copy was dropped.
 * @param newId ULID or UUIDv7
 */
export function eventMaker(source: string, newId: () => string, nowMs: () => number): EventMaker {
  let sequence = 0
  let timeMs = Number.NaN
  let time = ''
  return (definition, data, options) => {
    const about = data as { user: string; key: string; incident: string }
    const isIncident = definition.stream === 'incidents'
    const atMs = options?.timeMs ?? nowMs()
    // Many events fall into one millisecond, and its text takes longer than the rest of the envelope.
    if (atMs !== timeMs) {
      timeMs = atMs
      time = new Date(atMs).toISOString()
    }
    const event: Record<string, unknown> = {
      specversion: '1.0',
      id: options?.id ?? newId(),
      source,
      type: definition.type,
      subject: isIncident ? about.incident : identityText(about),
      time,
      dataschema: definition.dataschema,
      sequence: options?.id === undefined ? ++sequence : Math.max(1, sequence),
      data,
    }
    if (options?.traceparent !== undefined) event.traceparent = options.traceparent
    const subject = isIncident
      ? incidentSubject(definition, about.incident)
      : identitySubject(definition, about)
    const outgoing = { subject, event: event as unknown as FluxgateEvent }
    return options?.id === undefined ? outgoing : { ...outgoing, hasOwnId: true }
  }
}

let lastSource = ''
let lastSourceJson = '""'

/** The event as it stands in the log: JSON, whose bytes are UTF-8. Only `data` holds text from outside that may need escapes. */
export function encodeEvent(event: FluxgateEvent): string {
  // A process has one source, seldom more.
  if (event.source !== lastSource) {
    lastSource = event.source
    lastSourceJson = JSON.stringify(lastSource)
  }
  const trace = event.traceparent === undefined ? '' : `,"traceparent":"${event.traceparent}"`
  return (
    `{"specversion":"1.0","id":"${event.id}","source":${lastSourceJson},"type":"${event.type}",` +
    `"subject":"${event.subject}","time":"${event.time}","dataschema":"${event.dataschema}",` +
    `"sequence":${event.sequence}${trace},"data":${JSON.stringify(event.data)}}`
  )
}
