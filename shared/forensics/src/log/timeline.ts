import { callerFilter, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { ALL_STREAMS, type Range } from '../core/fact.ts'
import { type Reading, readFacts, type Source } from './read.ts'

/** A user, or one of its keys. */
export interface Whom {
  readonly user: string
  readonly key?: string | undefined
}

export interface TimelineRange extends Range {
  /** The last fact that is known already: those behind it are wanted. */
  readonly after?: Pick<StoredEvent, 'stream' | 'sequence' | 'storedAtMs'> | undefined
}

/** Everything that the log tells of a user or key, in the order in which it was stored. */
export async function* timeline(
  link: NatsLink,
  whom: Whom,
  { after, ...asked }: TimelineRange,
  reading: Reading = {},
): AsyncGenerator<StoredEvent[]> {
  const range = { ...asked, fromMs: Math.max(asked.fromMs ?? 0, after?.storedAtMs ?? 0) }
  const sources: Source[] = [
    ...(['auth', 'requests', 'tokens', 'throttles'] as const).map(stream => ({
      stream,
      subject: callerFilter(stream, whom),
    })),
    // Subjects of incidents do not tell the identity, and their later facts not even the event: read from the beginning.
    { stream: 'incidents', fromMs: undefined },
  ]
  const incidents = new Set<string>()
  for await (const facts of readFacts(link, sources, range, reading)) {
    const theirs = facts.filter(
      fact =>
        isAbout(fact, whom, incidents) &&
        fact.storedAtMs >= range.fromMs &&
        (after === undefined || isBehind(fact, after)),
    )
    if (theirs.length > 0) yield theirs
  }
}

function isAbout({ event }: StoredEvent, whom: Whom, incidents: Set<string>): boolean {
  if (!('incident' in event.data) || !event.type.startsWith('fluxgate.incidents.')) return true
  const { incident } = event.data
  if (event.type === 'fluxgate.incidents.opened') {
    const { user, key } = event.data
    if (user === whom.user && (whom.key === undefined || key === whom.key)) incidents.add(incident!)
  }
  return incidents.has(incident!)
}

const ORDER: readonly string[] = ALL_STREAMS.map(stream => STREAMS[stream])

function isBehind(fact: StoredEvent, { stream, sequence, storedAtMs }: NonNullable<TimelineRange['after']>) {
  const later =
    fact.storedAtMs - storedAtMs ||
    ORDER.indexOf(fact.stream) - ORDER.indexOf(stream) ||
    fact.sequence - sequence
  return later > 0
}
