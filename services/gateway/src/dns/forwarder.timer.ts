import { AnswerStore, type Finding, type Outcome } from './answer-store.ts'
import type { DnsLimits } from './limits.ts'
import { type DnsQuery, padForward } from './query.ts'

/**
 * What the cache or the upstreams have for a query; or that too many wait already, that this client asks too much, or
 * that it may not ask.
 */
export type Forwarded = Finding | { readonly failure: 'overloaded' | 'limited' | 'prohibited' }

/** Asks the upstreams; `forward` is the query that their answer must repeat. Never rejects. */
export type AskUpstreams = (query: Buffer, forward: Buffer) => Promise<Outcome>

export interface Forwarder {
  /** What is known already; undefined where {@link Forwarder.forward} has to ask. */
  cached(query: DnsQuery): Finding | undefined
  /** Asks the upstreams, together with all who ask the same; falls back to a stale answer. Never rejects. */
  forward(query: DnsQuery): Promise<Forwarded>
  stats(): {
    readonly hits: number
    readonly stale: number
    readonly coalesced: number
    readonly forwarded: number
    readonly overloaded: number
    readonly waiting: number
    readonly cacheEntries: number
    readonly cacheBytes: number
  }
}

/** The cache and the queue in front of the upstreams. */
export function createForwarder(ask: AskUpstreams, limits: DnsLimits, now: () => number): Forwarder {
  const store = new AnswerStore(limits)
  const flights = new Map<string, Promise<Finding>>()
  const counts = { hits: 0, stale: 0, coalesced: 0, forwarded: 0, overloaded: 0 }

  const counted = (finding: Finding): Finding => {
    if ('answer' in finding && finding.isStale) counts.stale++
    return finding
  }
  const launch = (query: DnsQuery): Promise<Finding> => {
    counts.forwarded++
    const flight = ask(padForward(query), query.forward)
      .then(outcome => store.store(query, outcome, now()))
      .finally(() => flights.delete(query.key))
    flights.set(query.key, flight)
    return flight
  }
  return {
    cached(query) {
      const found = store.find(query, now())
      if (found === undefined) return undefined
      counts.hits++
      return counted(found)
    },
    async forward(query) {
      const stale = store.findStale(query, now())
      const shared = flights.get(query.key)
      if (shared !== undefined) counts.coalesced++
      if (shared === undefined && flights.size >= limits.upstreamQueries) {
        counts.overloaded++
        return stale === undefined ? { failure: 'overloaded' } : counted(stale)
      }
      const flight = shared ?? launch(query)
      return counted(await (stale === undefined ? flight : inTime(flight, stale, limits.staleAnswerMs)))
    },
    stats: () => ({
      ...counts,
      waiting: flights.size,
      cacheEntries: store.size,
      cacheBytes: store.bytes,
    }),
  }
}

/** RFC 8767 section 5, client response timer: the refresh goes on, but nobody waits for it longer than this. */
async function inTime(flight: Promise<Finding>, stale: Finding, limitMs: number): Promise<Finding> {
  const late = Promise.withResolvers<Finding>()
  const timer = setTimeout(() => late.resolve(stale), limitMs)
  try {
    return await Promise.race([flight, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
