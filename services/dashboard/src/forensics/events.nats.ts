import { type LogPosition, STREAMS } from '@fluxgate/contracts'
import { eventAt, eventPage, retention } from '@fluxgate/forensics'
import { messageOf, type NatsLink } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import { namesOfIdentity } from '../accounts/index.ts'
import type { ForensicsLimits } from '../config.ts'
import type { EventRows, EventView } from './answers.ts'
import { rowOf } from './event-row.ts'
import type { EventPageOrder } from './questions.ts'

/** One page of the events that match a search. */
export async function listEvents(
  link: NatsLink,
  { order, after, limit, fromMs, toMs, ...filter }: EventPageOrder,
  { pageScanned: maxScanned, pageMs: maxMs }: ForensicsLimits,
  signal: AbortSignal,
): Promise<EventRows> {
  const retained = await retention(link)
  const query = { filter, range: { fromMs, toMs }, order, after, limit, maxScanned, maxMs }
  const { items, next, scanned, reachedMs } = await eventPage(link, query, signal)
  return {
    items: items.map(rowOf),
    next: next === undefined ? null : cursorOf(next),
    scanned,
    reachedAt: reachedMs,
    head: cursorOf(new Map(retained.map(({ stream, lastSequence }) => [stream, lastSequence]))),
    stored: retained
      .filter(({ stream }) => filter.streams.some(name => STREAMS[name] === stream))
      .reduce(
        (sum, { firstSequence, lastSequence }) => sum + Math.max(0, lastSequence - firstSequence + 1),
        0,
      ),
  }
}

function cursorOf(positions: ReadonlyMap<string, number>): string {
  return [...positions].map(([stream, sequence]) => `${stream}.${sequence}`).join('_')
}

/** What stands at a position in full; undefined when nothing does, or not any more. */
export async function findEvent(
  db: Database,
  link: NatsLink,
  position: LogPosition,
): Promise<EventView | undefined> {
  const found = await eventAt(link, position)
  if (!found) return undefined
  const row = rowOf(found)
  const { subject } = found
  if (!('event' in found)) {
    const text = await textAt(link, position)
    return { ...row, subject, time: null, event: text, names: { users: {}, keys: {} } }
  }
  const { event } = found
  const names = await namesOfIdentity(db, row.identity)
  return { ...row, subject, time: Date.parse(event.time), event, names }
}

async function textAt(link: NatsLink, position: LogPosition): Promise<string> {
  return new TextDecoder().decode((await messageOf(link, position))?.data)
}
