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

/** Resolves DNS messages; the face in `in/` and the gateway's own connections use the same one. */
export interface DnsResolver extends AsyncDisposable {
  /** Longest query that {@link DnsResolver.resolve} should be given. */
  readonly queryBytes: number
  /**
   * Answers one query in wire format. Rejects only when `signal` aborts; what is under way goes on for the others who
   * asked the same, and for the cache.
   */
  resolve(query: Uint8Array, signal?: AbortSignal): Promise<DnsReply | Malformed>
  /** For the `lookup` option of sockets. Without upstreams it falls back to the system's resolver. */
  readonly lookup: LookupFunction
  stats(): DnsStats
}
