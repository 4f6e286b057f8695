import { STREAMS, type StreamName } from '@fluxgate/contracts'
import { eventAt, eventPage, retention } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
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

/** One message in full; undefined when it is not in the log, or not any more. */
export async function findEvent(
  db: Database,
  link: NatsLink,
  stream: StreamName,
  sequence: number,
  signal: AbortSignal,
): Promise<EventView | undefined> {
  const found = await eventAt(link, stream, sequence, signal)
  if (!found) return unreadableAt(link, stream, sequence)
  const row = rowOf(found)
  const { event: whole, subject } = found
  return {
    ...row,
    subject,
    time: Date.parse(whole.time),
    event: whole,
    names: await namesOfIdentity(db, row.identity),
  }
}

/** A message that is no event of this version. */
async function unreadableAt(
  link: NatsLink,
  stream: StreamName,
  sequence: number,
): Promise<EventView | undefined> {
  const name = STREAMS[stream]
  const message = await link.manager.streams.getMessage(name, { seq: sequence }).catch(() => undefined)
  if (!message) return undefined
  const { subject, time, data } = message
  const reason = 'not an event that this version can read'
  const row = rowOf({ stream: name, sequence, storedAtMs: time.getTime(), subject, reason })
  return {
    ...row,
    subject,
    time: null,
    event: new TextDecoder().decode(data),
    names: { users: {}, keys: {} },
  }
}
