import type { LimitsPolicy, Throttle, Tier, TierName } from '@fluxgate/contracts'
import { DEFAULT_TIERS, FALLBACK_TIER } from '@fluxgate/contracts'
import { TokenBucket } from './token-bucket.ts'

export type Admission =
  | { readonly ok: true; readonly bucket: TokenBucket }
  | {
      readonly ok: false
      readonly by: 'tier' | 'throttle'
      readonly waitMs: number
      readonly bucket: TokenBucket
      readonly throttle: Throttle | undefined
    }

interface Limits {
  readonly bucket: TokenBucket
  tier: TierName
  policy: LimitsPolicy | undefined
  penalty: { readonly bucket: TokenBucket; readonly throttle: Throttle } | undefined
}

/**
 * Every live identity's bucket, and the penalty box over it: the stricter of the two wins. Identities are `<user>.<key>`
 * texts. Bounded: idle full buckets are forgotten, since a full bucket is what a newcomer gets anyway.
 */
export class LimitTable {
  readonly #limits = new Map<string, Limits>()
  #policy: LimitsPolicy | undefined

  get size(): number {
    return this.#limits.size
  }

  setPolicy(policy: LimitsPolicy | undefined): void {
    this.#policy = policy
  }

  tierOf(identity: string, name: TierName): Tier {
    const override = own(this.#policy?.identities, identity)
    if (typeof override === 'object') return override
    const tier = override ?? name
    return own(this.#policy?.tiers, tier) ?? own(DEFAULT_TIERS, tier) ?? DEFAULT_TIERS[FALLBACK_TIER]
  }

  /** Takes a reservation from both buckets, or from neither. `epochMs` is the wall clock, for `until`. */
  admit(
    identity: string,
    tier: TierName,
    tokens: number,
    throttle: Throttle | undefined,
    nowMs: number,
    epochMs: number,
  ): Admission {
    const limits = this.#of(identity, tier, nowMs)
    const penalty = this.#penalty(limits, throttle, nowMs, epochMs)
    if (penalty && !penalty.bucket.take(tokens, nowMs)) {
      const untilMs = penalty.throttle.until - epochMs
      const waitMs = Math.min(penalty.bucket.waitMs(tokens, nowMs), untilMs)
      return { ok: false, by: 'throttle', waitMs, bucket: penalty.bucket, throttle: penalty.throttle }
    }
    if (limits.bucket.take(tokens, nowMs)) return { ok: true, bucket: penalty?.bucket ?? limits.bucket }
    penalty?.bucket.debit(-tokens, nowMs)
    const waitMs = limits.bucket.waitMs(tokens, nowMs)
    return { ok: false, by: 'tier', waitMs, bucket: limits.bucket, throttle: undefined }
  }

  /** Corrects both buckets: positive takes, negative gives back. Unknown identities are created only by a take. */
  debit(identity: string, tier: TierName | undefined, tokens: number, nowMs: number): void {
    const limits =
      this.#limits.get(identity) ?? (tokens > 0 && tier ? this.#of(identity, tier, nowMs) : undefined)
    limits?.bucket.debit(tokens, nowMs)
    limits?.penalty?.bucket.debit(tokens, nowMs)
  }

  /** Identity → whole tokens left, for those that are not full. */
  tokensLeft(nowMs: number): Record<string, number> {
    const left: Record<string, number> = Object.create(null)
    for (const [identity, { bucket, penalty }] of this.#limits) {
      left[identity] = Math.floor(
        Math.min(bucket.level(nowMs), penalty?.bucket.level(nowMs) ?? Number.POSITIVE_INFINITY),
      )
    }
    return left
  }

  /** What a joining node has to know: identity, tier and the tokens missing from a full bucket. */
  *deficits(nowMs: number): Generator<[identity: string, tier: TierName, missing: number]> {
    for (const [identity, { bucket, tier }] of this.#limits) {
      const missing = bucket.capacity - bucket.level(nowMs)
      if (missing >= 1) yield [identity, tier, missing]
    }
  }

  forgetFull(nowMs: number): void {
    for (const [identity, { bucket, penalty }] of this.#limits) {
      if (!penalty && bucket.level(nowMs) >= bucket.capacity) this.#limits.delete(identity)
    }
  }

  #of(identity: string, tier: TierName, nowMs: number): Limits {
    let limits = this.#limits.get(identity)
    if (!limits) {
      const bucket = new TokenBucket(this.tierOf(identity, tier), nowMs)
      limits = { bucket, tier, policy: this.#policy, penalty: undefined }
      this.#limits.set(identity, limits)
    } else if (limits.tier !== tier || limits.policy !== this.#policy) {
      limits.tier = tier
      limits.policy = this.#policy
      limits.bucket.resize(this.tierOf(identity, tier), nowMs)
    }
    return limits
  }

  #penalty(
    limits: Limits,
    throttle: Throttle | undefined,
    nowMs: number,
    epochMs: number,
  ): Limits['penalty'] {
    if (!throttle || throttle.until <= epochMs) {
      limits.penalty = undefined
    } else if (limits.penalty?.throttle !== throttle) {
      // What was burnt and has not come back counts against the throttle too: every node knows it, so that a throttle
      // begins alike everywhere and lets nobody start over at the next node.
      const burnt = limits.bucket.capacity - limits.bucket.level(nowMs)
      const left = Math.max(0, throttle.capacity - burnt)
      limits.penalty = { bucket: new TokenBucket(throttle, nowMs, left), throttle }
    }
    return limits.penalty
  }
}

/** Names come from outside: what an object inherits is not a tier. */
function own<V>(record: Readonly<Record<string, V>> | undefined, name: string): V | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined
}
