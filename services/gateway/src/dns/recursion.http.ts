import type { UpstreamAddress } from '../config/index.ts'
import { createDohUpstream } from './doh-upstream.http.ts'
import { createFailover } from './failover.timer.ts'
import { createForwarder, type Forwarder } from './forwarder.timer.ts'
import type { DnsLimits } from './limits.ts'
import type { UpstreamStats } from './resolve.ts'

type ForwarderStats = ReturnType<Forwarder['stats']>

/** One way to the upstreams, shared with no other: cache, queue, connections and circuits. */
export interface Recursion extends AsyncDisposable, Omit<Forwarder, 'stats'> {
  stats(): ForwarderStats & { readonly upstreams: readonly UpstreamStats[] }
}

export function openRecursion(
  options: {
    readonly upstreams: readonly UpstreamAddress[]
    readonly authorities?: string | readonly string[]
  },
  limits: DnsLimits,
  now: () => number,
): Recursion {
  const upstreams = options.upstreams.map(upstream =>
    createDohUpstream(upstream, limits, options.authorities),
  )
  const failover = createFailover(upstreams, limits, now)
  const { cached, forward, stats } = createForwarder(failover.ask, limits, now)
  return {
    cached,
    forward,
    stats: () => ({ ...stats(), upstreams: failover.stats() }),
    async [Symbol.asyncDispose]() {
      await failover[Symbol.asyncDispose]()
    },
  }
}

/** Of two ways to the same upstreams; an upstream that is out for one of them is shown as out. */
export function sumOf(a: ReturnType<Recursion['stats']>, b: ReturnType<Recursion['stats']>): typeof a {
  return {
    hits: a.hits + b.hits,
    stale: a.stale + b.stale,
    coalesced: a.coalesced + b.coalesced,
    forwarded: a.forwarded + b.forwarded,
    overloaded: a.overloaded + b.overloaded,
    waiting: a.waiting + b.waiting,
    cacheEntries: a.cacheEntries + b.cacheEntries,
    cacheBytes: a.cacheBytes + b.cacheBytes,
    upstreams: a.upstreams.map((upstream, i) => {
      const other = b.upstreams[i]
      return {
        url: upstream.url,
        answered: upstream.answered + (other?.answered ?? 0),
        failed: upstream.failed + (other?.failed ?? 0),
        isOpen: upstream.isOpen || other?.isOpen === true,
        reason: other?.reason ?? upstream.reason,
      }
    }),
  }
}
