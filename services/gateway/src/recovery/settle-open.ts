import {
  costMicros,
  type EventMaker,
  identityText,
  type OutgoingEvent,
  type Prices,
  RequestInterrupted,
  type TierName,
  TokensSettled,
  totalTokens,
} from '@fluxgate/contracts'
import type { OpenRequest } from './open-requests.ts'

/**
 * The missing facts of a request that a killed node has left: interrupted by the node, and settled at what was
 * progressed. A call that had told no progress (it ran for less than a second, or its answer was not streamed) is
 * settled at nothing: its client has got no answer. Ids come from the request, so that recovering twice doubles nothing.
 */
export function settleOpen(
  open: OpenRequest,
  make: EventMaker,
  refillRateOf: (identityText: string, tier: TierName) => number,
  prices: Pick<Prices, 'book'>,
): OutgoingEvent[] {
  const { request, user, key, tier, model, reserved } = open.admitted.event.data
  const progress = open.progressed?.event.data
  const about = { request, user, key, model, upstream: '' }
  const { traceparent } = open.admitted.event
  const events: OutgoingEvent[] = []
  if (!open.ended) {
    const ending = {
      ...about,
      status: 0,
      durationMs: progress?.elapsedMs ?? 0,
      bytes: 0,
      by: 'node' as const,
    }
    events.push(make(RequestInterrupted, ending, { id: `interrupted-${request}`, traceparent }))
  }
  if (!open.settled) {
    const usage = { input: progress?.prompt ?? 0, output: progress?.completion ?? 0 }
    const total = totalTokens(usage)
    const refillRate = progress?.refillRate ?? refillRateOf(identityText({ user, key }), tier)
    // Which list was in force at the admission died with the node; which of its prices held then did not.
    const price = prices.book.priceOf(model, Date.parse(open.admitted.event.time))
    const settlement = {
      usage,
      total,
      reserved,
      progressed: total,
      ...(price === undefined ? {} : { costMicros: costMicros(price, usage) }),
      source: 'estimated' as const,
    }
    events.push(
      make(
        TokensSettled,
        { ...about, tier, refillRate, ...settlement },
        { id: `settled-${request}`, traceparent },
      ),
    )
  }
  return events
}
