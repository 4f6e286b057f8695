import { identityText, parseSubject, placeOf, type StoredEvent } from '@fluxgate/contracts'
import type { Unreadable } from '@fluxgate/forensics'
import type { EventRow } from './answers.ts'

/** What tells most of an event, in this order; the rest is in its detail. */
const NOTE_FIELDS: ReadonlyArray<readonly [name: string, unit: string]> = [
  ['model', ''],
  ['rule', ''],
  ['severity', ''],
  ['source', ''],
  ['action', ''],
  ['reason', ''],
  ['status', ''],
  ['code', ''],
  ['by', ''],
  ['total', ' tokens'],
  ['reserved', ' reserved'],
  ['durationMs', ' ms'],
  ['tier', ''],
  ['name', ''],
  ['policy', ''],
  ['actor', ''],
  ['address', ''],
]
const MAX_NOTE_FIELDS = 4
const MAX_TEXT = 80

/** A message of the log as a row of a list. */
export function rowOf(fact: StoredEvent | Unreadable): EventRow {
  const position = placeOf(fact)
  const { storedAtMs: at } = fact
  if (!('event' in fact)) {
    const place = parseSubject(fact.subject)
    const identity = place && 'user' in place ? identityText(place) : null
    return {
      ...position,
      at,
      fact: place ? `${place.stream}.${place.kind}` : fact.subject,
      identity,
      request: null,
      incident: null,
      note: fact.reason.slice(0, MAX_TEXT),
      readable: false,
    }
  }
  const { event } = fact
  const data: Readonly<Record<string, unknown>> = event.data
  const { user, key, request, incident } = data
  return {
    ...position,
    at,
    fact: event.type.slice('fluxgate.'.length),
    identity: typeof user === 'string' && typeof key === 'string' ? identityText({ user, key }) : null,
    request: typeof request === 'string' ? request : null,
    incident: typeof incident === 'string' ? incident : null,
    note: noteOf(data),
    readable: true,
  }
}

function noteOf(data: Readonly<Record<string, unknown>>): string {
  const parts: string[] = []
  for (const [name, unit] of NOTE_FIELDS) {
    const value = data[name]
    if (typeof value !== 'string' && typeof value !== 'number') continue
    if (value === '') continue
    parts.push(`${typeof value === 'number' ? Math.round(value) : value.slice(0, MAX_TEXT)}${unit}`)
    if (parts.length === MAX_NOTE_FIELDS) break
  }
  return parts.join(' · ')
}
