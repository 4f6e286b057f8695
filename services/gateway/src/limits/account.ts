import type { Throttle, Tier, TierName } from '@fluxgate/contracts'
import { OwnDebits } from './own-debits.ts'
import { TokenBucket } from './token-bucket.ts'
import { userOf } from './users.ts'

/** One run of another node, as the accounts know it. */
export interface Origin {
  /** False when nothing was heard of it for so long that its streams count as ended. */
  isAlive: boolean
  /** True when it will not be heard of again. */
  isGone: boolean
}

/** What has been applied of one other node's debits, within its present busy time. */
export interface ResponseBuffer {
  readonly origin: Origin
  busy: number
  tokens: number
  requests: number
  /** That run at that node now. */
  streams: number
}

export type Shortage = 'tokens' | 'requests' | 'streams'

const SECONDS_A_MINUTE = 60

/**
 * The limits of one identity at this node, or of a user over all their keys: the buckets, the penalty over them, and who
 * took what.
 */
export class Account {
  /** `<user>.<key>`, or a user's id. */
  readonly identity: string
  /** Whose account this one's debits are taken from besides. */
  readonly user: string | undefined
  tier: TierName
  readonly tokens: TokenBucket
  /** Absent when the tier has no such limit. */
  requests: TokenBucket | undefined
  maxStreams: number
  penalty: { readonly bucket: TokenBucket; readonly throttle: Throttle } | undefined
  /** That run at this node. */
  streams = 0
  /** Names this node's present busy time: it begins with a debit when all before it has been paid back. */
  busy: number
  readonly ownTokens = new OwnDebits()
  readonly ownRequests = new OwnDebits()
  /** To be told to the other nodes. */
  isDirty = false
  received: ResponseBuffer[] = []
  changedAtMs: number

  constructor(identity: string, tier: TierName, limits: Tier, busy: number, nowMs: number) {
    this.identity = identity
    this.user = userOf(identity)
    this.busy = busy
    this.tier = tier
    this.tokens = new TokenBucket(limits, nowMs)
    this.requests = requestsBucket(limits, nowMs)
    this.maxStreams = limits.concurrentStreams ?? Number.POSITIVE_INFINITY
    this.changedAtMs = nowMs
  }

  /** Other limits from now on. */
  resize(tier: TierName, limits: Tier, nowMs: number): void {
    this.tier = tier
    this.tokens.resize(limits, nowMs)
    const requests = requestsSize(limits)
    if (requests && this.requests) this.requests.resize(requests, nowMs)
    else this.requests = requestsBucket(limits, nowMs)
    this.maxStreams = limits.concurrentStreams ?? Number.POSITIVE_INFINITY
  }

  /** Takes (or, negative, gives back), whoever did it. */
  debit(tokens: number, requests: number, nowMs: number): void {
    this.tokens.debit(tokens, nowMs)
    this.penalty?.bucket.debit(tokens, nowMs)
    this.requests?.debit(requests, nowMs)
    this.changedAtMs = nowMs
  }

  /**
   * What a call has too little of to be admitted, if anything.
   * @param slack what a bucket may lack; see `USER_SLACK`
   */
  shortage(tokens: number, isStream: boolean, slack: number, nowMs: number): Shortage | undefined {
    if (!this.tokens.has(tokens - slack, nowMs)) return 'tokens'
    if (this.requests && !this.requests.has(1 - slack, nowMs)) return 'requests'
    return isStream && this.allStreams >= this.maxStreams ? 'streams' : undefined
  }

  /** What this node itself took or gave back. `newBusy` names the busy time if one begins. */
  spend(tokens: number, requests: number, newBusy: number, nowMs: number): void {
    this.debit(tokens, requests, nowMs)
    // Never with what is given back: that belongs to the time in which it was taken.
    if (tokens + requests > 0 && this.#isPaidBack(nowMs)) {
      this.busy = newBusy
      this.ownTokens.total = 0
      this.ownRequests.total = 0
    }
    this.ownTokens.add(tokens, this.tokens.refillRate, this.tokens.maxMissing, nowMs)
    this.ownRequests.add(requests, this.requests?.refillRate ?? 0, this.requests?.maxMissing ?? 0, nowMs)
  }

  /** Streams that run at any node that is alive. */
  get allStreams(): number {
    let all = this.streams
    for (const { origin, streams } of this.received) if (origin.isAlive) all += streams
    return all
  }

  debitsOf(origin: Origin): ResponseBuffer | undefined {
    for (const received of this.received) if (received.origin === origin) return received
    return undefined
  }

  forgetGone(): void {
    if (this.received.some(each => each.origin.isGone))
      this.received = this.received.filter(each => !each.origin.isGone)
  }

  /** True when a newcomer would get the same. */
  isFresh(nowMs: number): boolean {
    return (
      !this.penalty &&
      !this.isDirty &&
      this.allStreams === 0 &&
      this.tokens.missing(nowMs) <= 0 &&
      (this.requests?.missing(nowMs) ?? 0) <= 0
    )
  }

  #isPaidBack(nowMs: number): boolean {
    return (
      // Sums of nothing need no new beginning.
      (this.ownTokens.total !== 0 || this.ownRequests.total !== 0) &&
      this.ownTokens.unreported === 0 &&
      this.ownRequests.unreported === 0 &&
      this.ownTokens.owed(this.tokens.refillRate, nowMs) === 0 &&
      (!this.requests || this.ownRequests.owed(this.requests.refillRate, nowMs) === 0)
    )
  }
}

function requestsSize({ requestsPerMinute }: Tier) {
  return requestsPerMinute === undefined
    ? undefined
    : { capacity: requestsPerMinute, refillRate: requestsPerMinute / SECONDS_A_MINUTE }
}

function requestsBucket(limits: Tier, nowMs: number): TokenBucket | undefined {
  const size = requestsSize(limits)
  return size && new TokenBucket(size, nowMs)
}
