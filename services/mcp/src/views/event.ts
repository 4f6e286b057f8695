import type { FluxgateEvent, StoredEvent } from '@fluxgate/contracts'
import { z } from 'zod'
import { timeField } from './fields.ts'
import { isoTime, quoted } from './text.ts'

/** An event of the log, as several tools tell it. */
export const eventFields = {
  fact: z.string().describe('<stream>.<fact>'),
  stream: z.string(),
  sequence: z.int(),
  eventId: z.string(),
  at: timeField,
  storedAt: timeField,
  source: z.string(),
  data: z.record(z.string(), z.unknown()).describe("The event's data; texts in it come from outside."),
}

export function eventView({ event, stream, sequence, storedAtMs }: StoredEvent) {
  return {
    fact: nameOf(event),
    stream,
    sequence,
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
export function eventText({ event, stream, sequence }: StoredEvent, hidden: readonly string[]): string {
  const data = Object.entries(withoutSession({ ...event.data }))
    .filter(([name]) => !hidden.includes(name))
    .map(([name, value]) => `${name}=${valueText(value)}`)
  return `${nameOf(event)} [${stream}:${sequence}] ${data.join(' ')}`
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  return typeof value === 'object' ? quoted(JSON.stringify(value)) : String(value)
}

function nameOf({ type }: FluxgateEvent): string {
  return type.slice('fluxgate.'.length)
}
