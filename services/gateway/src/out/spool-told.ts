import { type OutgoingEvent, parseIdentity, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import type { OpenRequest } from '../core/recovery/open-requests.ts'

const LOOKS_AT_ONCE = 8
/** How far the clocks of gateways and streams may be apart. */
const CLOCK_MARGIN_MS = 10_000

/** Endings and settlements in the log since the oldest of these requests, of their identities. */
export async function* findTold(link: NatsLink, open: Iterable<OpenRequest>): AsyncGenerator<OutgoingEvent> {
  const looks = [...looksFor(open)]
  for (let from = 0; from < looks.length; from += LOOKS_AT_ONCE) {
    const found = await Promise.all(looks.slice(from, from + LOOKS_AT_ONCE).map(look => read(link, look)))
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
  const oldest = new Map<string, { partition: string; fromMs: number }>()
  for (const { admitted } of open) {
    const { subject, event } = admitted
    const known = oldest.get(event.subject)
    const fromMs = Math.min(known?.fromMs ?? Number.POSITIVE_INFINITY, Date.parse(event.time))
    oldest.set(event.subject, { partition: subject.split('.')[2]!, fromMs })
  }
  return [...oldest].flatMap(([identity, { partition, fromMs }]) => {
    if (!parseIdentity(identity)) return []
    const since = fromMs - CLOCK_MARGIN_MS
    return [
      { stream: STREAMS.requests, filter: `fluxgate.requests.${partition}.*.${identity}`, fromMs: since },
      { stream: STREAMS.tokens, filter: `fluxgate.tokens.${partition}.settled.${identity}`, fromMs: since },
    ]
  })
}

async function read(link: NatsLink, { stream, filter, fromMs }: Look): Promise<OutgoingEvent[]> {
  const found: OutgoingEvent[] = []
  for await (const batch of replay(link, { stream, filter, from: { timeMs: fromMs } })) {
    for (const { subject, event } of batch.events) {
      // Other requests of the identity were admitted, and may have ended in what is still to be published.
      if (event.type !== 'fluxgate.requests.admitted') found.push({ subject, event })
    }
  }
  return found
}
