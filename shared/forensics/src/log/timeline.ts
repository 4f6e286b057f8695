import { callerFilter, comparePositions, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { ALL_STREAMS, type Range } from '../core/log-source.ts'
import { type Reading, readEvents, type Source } from './read.ts'

/** A user, or one of its keys. */
export interface IdentityFilter {
  readonly user: string
  readonly key?: string | undefined
}

export interface TimelineRange extends Range {
  /** The last event that is known already: those behind it are wanted. */
  readonly after?: Pick<StoredEvent, 'stream' | 'sequence' | 'index' | 'storedAtMs'> | undefined
}

/** Everything that the log tells of a user or key, in the order in which it was stored. */
export async function* timeline(
  link: NatsLink,
  filter: IdentityFilter,
  { after, ...asked }: TimelineRange,
  reading: Reading = {},
): AsyncGenerator<StoredEvent[]> {
  const range = { ...asked, fromMs: Math.max(asked.fromMs ?? 0, after?.storedAtMs ?? 0) }
  const sources: Source[] = [
    ...(['auth', 'requests', 'tokens', 'throttles'] as const).map(stream => ({
      stream,
      subject: callerFilter(stream, filter),
    })),
    // Subjects of incidents do not tell the identity, and their later events not even the event: read from the beginning.
    { stream: 'incidents', fromMs: undefined },
  ]
  const incidents = new Set<string>()
  for await (const entries of readEvents(link, sources, range, reading)) {
    const theirs = entries.filter(
      entry =>
        isAbout(entry, filter, incidents) &&
        entry.storedAtMs >= range.fromMs &&
        (after === undefined || isBehind(entry, after)),
    )
    if (theirs.length > 0) yield theirs
  }
}

function isAbout({ event }: StoredEvent, filter: IdentityFilter, incidents: Set<string>): boolean {
  if (!('incident' in event.data) || !event.type.startsWith('fluxgate.incidents.')) return true
  const { incident } = event.data
  if (event.type === 'fluxgate.incidents.opened') {
    const { user, key } = event.data
    if (user === filter.user && (filter.key === undefined || key === filter.key)) incidents.add(incident!)
  }
  return incidents.has(incident!)
}

const ORDER: readonly string[] = ALL_STREAMS.map(stream => STREAMS[stream])

function isBehind(entry: StoredEvent, after: NonNullable<TimelineRange['after']>) {
  const later =
    entry.storedAtMs - after.storedAtMs ||
    ORDER.indexOf(entry.stream) - ORDER.indexOf(after.stream) ||
    comparePositions(entry, after)
  return later > 0
}
