import type { LookupFunction } from 'node:net'
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
import type { DnsClient, DnsResolver, DnsStats } from './resolve.ts'
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
  return new Resolver(options)
}

type Ask = (query: DnsQuery) => DnsReply | Promise<DnsReply>

class Resolver implements DnsResolver {
  readonly queryBytes: number
  readonly lookup: LookupFunction
  readonly #options: ResolverOptions
  readonly #limits: DnsLimits
  readonly #now: () => number
  readonly #isRecursive: boolean
  readonly #overrideOf: ReturnType<typeof overrideTable>
  /** For clients' questions, and for the gateway's own. */
  readonly #asked: ReturnType<typeof openRecursion>
  readonly #own: ReturnType<typeof openRecursion>
  readonly #quota: ClientQuota
  readonly #counts = { queries: 0, malformed: 0, overridden: 0, failed: 0, limited: 0, prohibited: 0 }
  #turn = 0

  constructor(options: ResolverOptions) {
    const limits: DnsLimits = { ...DNS_LIMITS, ...options.limits }
    this.#options = options
    this.#limits = limits
    this.#now = options.now ?? (() => performance.now())
    this.#isRecursive = options.upstreams.length > 0
    const clusterDomain: Override = { name: options.clusterDomain.toLowerCase(), addresses: 'nodes' }
    this.#overrideOf = overrideTable([clusterDomain, ...(options.overrides ?? [])])
    this.#asked = openRecursion(options, limits, this.#now)
    const { ownCacheEntries: cacheEntries, ownCacheBytes: cacheBytes, ownQueries: upstreamQueries } = limits
    this.#own = openRecursion(options, { ...limits, cacheEntries, cacheBytes, upstreamQueries }, this.#now)
    this.#quota = new ClientQuota(limits)
    this.queryBytes = limits.queryBytes
    this.lookup = createLookup(bytes => this.#resolveOwn(bytes), this.#isRecursive, limits.lookupGraceMs)
  }

  resolve(
    bytes: Uint8Array,
    { client, signal }: Parameters<DnsResolver['resolve']>[1] = {},
  ): Promise<DnsReply | Malformed> {
    return this.#answer(bytes, async query =>
      this.#replied(query, await untilAborted(this.#findFor(query, client), signal)),
    )
  }

  stats(): DnsStats {
    return { ...this.#counts, ...sumOf(this.#asked.stats(), this.#own.stats()) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#asked[Symbol.asyncDispose](), this.#own[Symbol.asyncDispose]()])
  }

  #resolveOwn(bytes: Uint8Array): Promise<DnsReply | Malformed> {
    const own = this.#own
    return this.#answer(bytes, async query =>
      this.#replied(query, own.cached(query) ?? (await own.forward(query))),
    )
  }

  async #answer(bytes: Uint8Array, ask: Ask): Promise<DnsReply | Malformed> {
    this.#counts.queries++
    const query = readQuery(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    if ('fault' in query) {
      this.#counts.malformed++
      return query
    }
    if ('asker' in query) return errorReply(query.asker, query.rcode, this.#isRecursive)
    return this.#answerLocally(query) ?? ask(query)
  }

  #answerLocally(query: DnsQuery): DnsReply | undefined {
    const override = this.#overrideOf(query)
    if (query.type === TYPE.any) return answerAny(query, this.#isRecursive, this.#limits)
    if (override !== undefined) {
      this.#counts.overridden++
      const { addresses } = override
      const found = addresses === 'nodes' ? this.#nodeAddresses() : addresses
      return answerOverride(query, found, this.#turn++, this.#isRecursive, this.#limits)
    }
    // RFC 8914 section 4.21: not configured for recursion, and not our name.
    if (!this.#isRecursive) return errorReply(query, RCODE.refused, false, ['notAuthoritative'])
    return undefined
  }

  /** Workers of one machine have one address: an answer has each address once (RFC 2181 section 5). */
  #nodeAddresses(): string[] {
    return [...new Set(this.#options.nodes().map(({ address }) => address))]
  }

  async #findFor(query: DnsQuery, client: DnsClient | undefined): Promise<Forwarded> {
    if (client === undefined) return this.#find(query, client)
    // Before the client's key is looked up, which is work too.
    if (!this.#quota.begin(client.address, this.#now())) return { failure: 'limited' }
    try {
      return await this.#find(query, client)
    } finally {
      this.#quota.end(client.address)
    }
  }

  async #find(query: DnsQuery, client: DnsClient | undefined): Promise<Forwarded> {
    if (client && !(await client.mayAsk())) return { failure: 'prohibited' }
    return this.#asked.cached(query) ?? this.#asked.forward(query)
  }

  #replied(query: DnsQuery, found: Forwarded): DnsReply {
    if ('failure' in found) {
      if (found.failure === 'limited' || found.failure === 'prohibited') this.#counts[found.failure]++
      else this.#counts.failed++
    }
    return replyFrom(query, found, this.#limits)
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
