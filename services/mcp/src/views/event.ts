import { type FluxgateEvent, placeOf, positionText, type StoredEvent } from '@fluxgate/contracts'
import { z } from 'zod'
import { timeField } from './fields.ts'
import { isoTime, quoted } from './text.ts'

/** An event of the log, as several tools tell it. */
export const eventFields = {
  fact: z.string().describe('<stream>.<fact>'),
  stream: z.string(),
  sequence: z.int(),
  index: z.int().optional().describe('Of an event in its batch.'),
  eventId: z.string(),
  at: timeField,
  storedAt: timeField,
  source: z.string(),
  data: z.record(z.string(), z.unknown()).describe("The event's data; texts in it come from outside."),
}

export function eventView(entry: StoredEvent) {
  const { event, storedAtMs } = entry
  return {
    fact: nameOf(event),
    ...placeOf(entry),
    eventId: event.id,
    at: event.time,
    storedAt: isoTime(storedAtMs),
    source: event.source,
    data: withoutSession({ ...event.data }),
  }
}

/** Facts of logins name the session, which is part of what opens a door: it stays here. */
export function withoutSession(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { session: _session, ...rest } = data
  return rest
}

/** `<what> [<place>] name=value …` */
export function eventText(entry: StoredEvent, hidden: readonly string[]): string {
  const { event } = entry
  const data = Object.entries(withoutSession({ ...event.data }))
    .filter(([name]) => !hidden.includes(name))
    .map(([name, value]) => `${name}=${valueText(value)}`)
  return `${nameOf(event)} [${positionText(entry)}] ${data.join(' ')}`
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  return typeof value === 'object' ? quoted(JSON.stringify(value)) : String(value)
}

function nameOf({ type }: FluxgateEvent): string {
  return type.slice('fluxgate.'.length)
}
