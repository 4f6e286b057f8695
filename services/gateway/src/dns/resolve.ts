import type { LookupFunction } from 'node:net'
import type { DnsReply } from './reply.ts'
import type { Malformed } from './wire.ts'

export interface DnsStats {
  readonly queries: number
  readonly malformed: number
  /** Answered from the live nodes or fixed addresses. */
  readonly overridden: number
  readonly hits: number
  readonly stale: number
  /** Waited for the upstream query of another. */
  readonly coalesced: number
  /** Went to the upstreams. */
  readonly forwarded: number
  /** Refused because too many different questions were waiting. */
  readonly overloaded: number
  /** Refused because their address had too many questions under way, and because it may not ask. */
  readonly limited: number
  readonly prohibited: number
  /** Answered SERVFAIL because no upstream gave an answer. */
  readonly failed: number
  readonly cacheEntries: number
  readonly cacheBytes: number
  readonly waiting: number
  readonly upstreams: readonly UpstreamStats[]
}

export interface UpstreamStats {
  readonly url: string
  readonly answered: number
  readonly failed: number
  readonly isOpen: boolean
  /** Of the last failure. */
  readonly reason: string | undefined
}

/** Who asks: one address (an IPv6 /64 is one), and whether its questions may go to the upstreams. */
export interface DnsClient {
  readonly address: string
  mayAsk(): boolean | Promise<boolean>
}

/**
 * Resolves DNS messages of clients, and names for the gateway's own connections. The two share settings and nothing
 * else: own look-ups have a cache, a queue, connections and circuits that no client's question can fill or open.
 */
export interface DnsResolver extends AsyncDisposable {
  /** Longest query that {@link DnsResolver.resolve} should be given. */
  readonly queryBytes: number
  /**
   * Answers one query in wire format. Rejects only when `signal` aborts; what is under way goes on for the others who
   * asked the same, and for the cache. Without a client nobody is limited.
   */
  resolve(
    query: Uint8Array,
    asked?: { readonly client?: DnsClient | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<DnsReply | Malformed>
  /** For the `lookup` option of sockets. Without upstreams it falls back to the system's resolver. */
  readonly lookup: LookupFunction
  stats(): DnsStats
}
