import { callerFilter, type OutgoingEvent, parseIdentity, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import type { OpenRequest } from './open-requests.ts'

const LOOKS_AT_ONCE = 8
/** How far the clocks of gateways and streams may be apart. */
const CLOCK_MARGIN_MS = 10_000

/** Endings, settlements and progress in the log since the oldest of these requests, of their identities. */
export async function* findReported(
  link: NatsLink,
  open: Iterable<OpenRequest>,
): AsyncGenerator<OutgoingEvent> {
  const requests = new Set<string>()
  for (const { admitted } of open) requests.add(admitted.event.data.request)
  const looks = looksFor(open)
  for (let from = 0; from < looks.length; from += LOOKS_AT_ONCE) {
    const found = await Promise.all(
      looks.slice(from, from + LOOKS_AT_ONCE).map(look => read(link, look, requests)),
    )
    yield* found.flat()
  }
}

interface Look {
  readonly stream: string
  readonly filter: string
  readonly fromMs: number
}

/** One narrow look per identity and stream: nats-server 2.9 takes one filter for a consumer. */
function looksFor(open: Iterable<OpenRequest>): Look[] {
  const oldest = new Map<string, number>()
  for (const { admitted } of open) {
    const { subject, time } = admitted.event
    const known = oldest.get(subject) ?? Number.POSITIVE_INFINITY
    oldest.set(subject, Math.min(known, Date.parse(time)))
  }
  return [...oldest].flatMap(([text, oldestMs]) => {
    const identity = parseIdentity(text)
    if (!identity) return []
    const fromMs = oldestMs - CLOCK_MARGIN_MS
    return [
      { stream: STREAMS.requests, filter: callerFilter('requests', identity), fromMs },
      { stream: STREAMS.tokens, filter: callerFilter('tokens', identity), fromMs },
    ]
  })
}

async function read(
  link: NatsLink,
  { stream, filter, fromMs }: Look,
  requests: ReadonlySet<string>,
): Promise<OutgoingEvent[]> {
  const found: OutgoingEvent[] = []
  for await (const batch of replay(link, { stream, filter, from: { timeMs: fromMs } })) {
    for (const { subject, event } of batch.events) {
      // Other requests of the identity were admitted, and may have ended in what is still to be published.
      if (event.type === 'fluxgate.requests.admitted') continue
      if (event.type === 'fluxgate.tokens.progressed' && !requests.has(event.data.request)) continue
      found.push({ subject, event })
    }
  }
  return found
}
