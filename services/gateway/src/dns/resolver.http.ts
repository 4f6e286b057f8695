import type { Override, UpstreamAddress } from '../config/index.ts'
import { ClientQuota } from './client-quota.ts'
import { RCODE, TYPE } from './codes.ts'
import { extendedError } from './edns.ts'
import type { Forwarded } from './forwarder.timer.ts'
import { DNS_LIMITS, type DnsLimits } from './limits.ts'
import { createLookup } from './lookup.net.ts'
import { answerAny, answerOverride, overrideTable } from './overrides.ts'
import { type DnsQuery, readQuery } from './query.ts'
import { openRecursion, sumOf } from './recursion.http.ts'
import { type DnsReply, errorReply, writeReply } from './reply.ts'
import type { DnsClient, DnsResolver } from './resolve.ts'
import type { Malformed } from './wire.ts'

export interface ResolverOptions {
  /** DoH servers in the order in which they are asked; none: what is not overridden is refused. */
  readonly upstreams: readonly UpstreamAddress[]
  /** Answered from the live nodes. */
  readonly clusterDomain: string
  readonly overrides?: readonly Override[]
  readonly nodes: () => readonly { readonly address: string }[]
  readonly limits?: Partial<DnsLimits>
  /** Milliseconds that never go back. */
  readonly now?: () => number
  /** PEM certificates that upstreams are checked against, in place of the usual authorities. */
  readonly authorities?: string | readonly string[]
}

/**
 * The resolver behind `/dns-query` and the gateway's own connections: overrides, then the cache, then the upstreams.
 * Starts no traffic by itself; disposing closes the upstream connections.
 */
export function createResolver(options: ResolverOptions): DnsResolver {
  const limits: DnsLimits = { ...DNS_LIMITS, ...options.limits }
  const now = options.now ?? (() => performance.now())
  const isRecursive = options.upstreams.length > 0
  const clusterDomain: Override = { name: options.clusterDomain.toLowerCase(), addresses: 'nodes' }
  const overrideOf = overrideTable([clusterDomain, ...(options.overrides ?? [])])
  const asked = openRecursion(options, limits, now)
  const own = openRecursion(
    options,
    {
      ...limits,
      cacheEntries: limits.ownCacheEntries,
      cacheBytes: limits.ownCacheBytes,
      upstreamQueries: limits.ownQueries,
    },
    now,
  )
  const quota = new ClientQuota(limits)
  const counts = { queries: 0, malformed: 0, overridden: 0, failed: 0, limited: 0, prohibited: 0 }
  let turn = 0

  const answerLocally = (query: DnsQuery): DnsReply | undefined => {
    const override = overrideOf(query)
    if (query.type === TYPE.any) return answerAny(query, isRecursive, limits)
    if (override !== undefined) {
      counts.overridden++
      const { addresses } = override
      const found = addresses === 'nodes' ? options.nodes().map(node => node.address) : addresses
      return answerOverride(query, found, turn++, isRecursive, limits)
    }
    // RFC 8914 section 4.21: not configured for recursion, and not our name.
    if (!isRecursive) return errorReply(query, RCODE.refused, false, ['notAuthoritative'])
    return undefined
  }

  type Ask = (query: DnsQuery) => DnsReply | Promise<DnsReply>
  const answer = async (bytes: Uint8Array, ask: Ask): Promise<DnsReply | Malformed> => {
    counts.queries++
    const query = readQuery(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    if ('fault' in query) {
      counts.malformed++
      return query
    }
    if ('asker' in query) return errorReply(query.asker, query.rcode, isRecursive)
    return answerLocally(query) ?? ask(query)
  }
  const replied = (query: DnsQuery, found: Forwarded): DnsReply => {
    if ('failure' in found) {
      if (found.failure === 'limited' || found.failure === 'prohibited') counts[found.failure]++
      else counts.failed++
    }
    return replyFrom(query, found, limits)
  }
  const find = async (query: DnsQuery, client: DnsClient | undefined): Promise<Forwarded> => {
    if (client && !(await client.mayAsk())) return { failure: 'prohibited' }
    return asked.cached(query) ?? asked.forward(query)
  }
  const findFor = async (query: DnsQuery, client: DnsClient | undefined): Promise<Forwarded> => {
    if (client === undefined) return find(query, client)
    // Before the client's key is looked up, which is work too.
    if (!quota.begin(client.address, now())) return { failure: 'limited' }
    try {
      return await find(query, client)
    } finally {
      quota.end(client.address)
    }
  }
  const resolve: DnsResolver['resolve'] = (bytes, { client, signal } = {}) =>
    answer(bytes, async query => replied(query, await untilAborted(findFor(query, client), signal)))
  const resolveOwn = (bytes: Uint8Array) =>
    answer(bytes, async query => replied(query, own.cached(query) ?? (await own.forward(query))))

  return {
    queryBytes: limits.queryBytes,
    resolve,
    lookup: createLookup(resolveOwn, isRecursive, limits.lookupGraceMs),
    stats: () => ({ ...counts, ...sumOf(asked.stats(), own.stats()) }),
    async [Symbol.asyncDispose]() {
      await Promise.all([asked[Symbol.asyncDispose](), own[Symbol.asyncDispose]()])
    },
  }
}

const FAILURES = {
  unreachable: ['noReachableAuthority', 'no upstream answered'],
  'bad-answer': ['networkError', 'no upstream gave a sound answer'],
  overloaded: ['other', 'too many queries are waiting'],
  limited: ['other', 'too many queries of this address'],
  prohibited: ['prohibited', 'see DOH_ACCESS'],
} as const

function replyFrom(query: DnsQuery, found: Forwarded, limits: DnsLimits): DnsReply {
  if ('failure' in found) {
    const rcode = found.failure === 'prohibited' ? RCODE.refused : RCODE.servFail
    return errorReply(query, rcode, true, FAILURES[found.failure])
  }
  const { answer } = found
  if (!found.isStale) {
    const ageSeconds = Math.floor(found.ageMs / 1_000)
    const message = writeReply(query, answer, { ageSeconds })
    return { message, maxAgeSeconds: Math.max(0, answer.freshSeconds - ageSeconds) }
  }
  const { staleTtlSeconds } = limits
  const error = extendedError(answer.rcode === RCODE.nxDomain ? 'staleNxDomain' : 'staleAnswer')
  return {
    message: writeReply(query, answer, { ageSeconds: 0, staleTtlSeconds, error }),
    maxAgeSeconds: staleTtlSeconds,
  }
}

/** Lets one waiter go without stopping what others wait for. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
