import type { ClientQuotaLimits } from './client-quota.ts'
import { MESSAGE_BYTES_MAX } from './codes.ts'

/** Every bound of DNS-over-HTTPS in one place; {@link DNS_LIMITS} has the defaults. */
export interface DnsLimits extends ClientQuotaLimits {
  /** Longest query, both of a POST body and of a decoded GET parameter; longer ones get 413 and 414. */
  readonly queryBytes: number
  /** Longest answer taken from an upstream. */
  readonly answerBytes: number
  readonly cacheEntries: number
  readonly cacheBytes: number
  /** The same for the gateway's own look-ups, whose answers no question of a client pushes out. */
  readonly ownCacheEntries: number
  readonly ownCacheBytes: number
  /** Different questions that may wait for upstreams at once; equal ones share one. */
  readonly upstreamQueries: number
  readonly ownQueries: number
  /** Connections to one upstream. Over HTTP/2 one carries 100 queries at a time. */
  readonly upstreamConnections: number
  /** Longest wait for one upstream, for all of them together, and before the next one is asked as well. */
  readonly tryMs: number
  readonly totalMs: number
  readonly hedgeMs: number
  /** Failures in a row that take an upstream out, for how long, and how often one is tried while all are out. */
  readonly circuitFailures: number
  readonly circuitOpenMs: number
  readonly lastResortMs: number
  /** Longest stay in the cache of an answer and of a denial, whatever their TTL (RFC 8767 section 4, RFC 2308 section 5). */
  readonly maxTtlSeconds: number
  readonly negativeTtlSeconds: number
  /** A failed resolution is remembered at first for this long, twice as long each further time (RFC 9520 section 3.2). */
  readonly failureMs: number
  readonly failureMaxMs: number
  /** An expired answer may be served for so long when upstreams fail, with this TTL (RFC 8767 sections 4 and 5). */
  readonly staleSeconds: number
  readonly staleTtlSeconds: number
  /** Wait for fresh data before a stale answer is served, and time without a new attempt after that failed. */
  readonly staleAnswerMs: number
  readonly staleRecheckMs: number
  readonly overrideTtlSeconds: number
  /** Addresses in one answer from the live nodes. */
  readonly overrideAddresses: number
  /** After the first address family has answered, the other gets so long (RFC 8305 section 3). */
  readonly lookupGraceMs: number
}

export const DNS_LIMITS: DnsLimits = Object.freeze({
  queryBytes: 4_096,
  answerBytes: MESSAGE_BYTES_MAX,
  cacheEntries: 10_000,
  cacheBytes: 32 * 1_048_576,
  ownCacheEntries: 1_000,
  ownCacheBytes: 4 * 1_048_576,
  upstreamQueries: 512,
  ownQueries: 256,
  clientQueries: 32,
  clientRate: 200,
  clientBurst: 1_000,
  clientAddresses: 10_000,
  upstreamConnections: 4,
  tryMs: 1_500,
  totalMs: 4_000,
  hedgeMs: 300,
  circuitFailures: 5,
  circuitOpenMs: 30_000,
  lastResortMs: 1_000,
  maxTtlSeconds: 604_800,
  negativeTtlSeconds: 10_800,
  failureMs: 1_000,
  failureMaxMs: 30_000,
  staleSeconds: 86_400,
  staleTtlSeconds: 30,
  staleAnswerMs: 1_800,
  staleRecheckMs: 30_000,
  overrideTtlSeconds: 30,
  overrideAddresses: 16,
  lookupGraceMs: 50,
})
