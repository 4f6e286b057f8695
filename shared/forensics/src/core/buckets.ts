import {
  DEFAULT_TIERS,
  FALLBACK_TIER,
  type LimitsPolicy,
  maxDebt,
  type Tier,
  type TierName,
} from '@fluxgate/contracts'

/** A token bucket as it stood: tokens, and tokens per second. */
export interface BucketState {
  readonly identity: string
  readonly tier: TierName
  readonly capacity: number
  readonly refillRate: number
  /** Below zero when settlements were larger than their reservations. */
  readonly tokensLeft: number
}

interface Level {
  capacity: number
  refillRate: number
  level: number
  atMs: number
}

interface Held {
  tier: TierName
  readonly bucket: Level
  penalty: (Level & { readonly untilMs: number }) | undefined
}

/**
 * Every identity's bucket, out of what the log tells of it: reservations taken at admission and corrected by settlements,
 * and throttles over them. Counts as a gateway does; a gateway sees the others' debits some milliseconds later.
 */
export class Buckets {
  readonly #held = new Map<string, Held>()
  /** Request → what is reserved for it. */
  readonly #reserved = new Map<string, number>()
  readonly #policy: LimitsPolicy | undefined

  /** @param policy tiers and overrides in force at the time that is asked for */
  constructor(policy: LimitsPolicy | undefined) {
    this.#policy = policy
  }

  reserve(identity: string, tier: TierName, request: string, tokens: number, atMs: number): void {
    const held = this.#of(identity, tier, atMs)
    held.tier = tier
    resize(held.bucket, this.#tierOf(identity, tier), atMs)
    const before = this.#reserved.get(request) ?? 0
    this.#reserved.set(request, tokens)
    this.#debit(held, tokens - before, atMs)
  }

  settle(identity: string, request: string, tokens: number, atMs: number): void {
    const before = this.#reserved.get(request)
    const held = this.#held.get(identity)
    if (before === undefined || !held) return
    this.#reserved.delete(request)
    this.#debit(held, tokens - before, atMs)
  }

  /** What was consumed and has not come back counts against the throttle too. */
  throttle(
    identity: string,
    limit: { capacity: number; refillRate: number; until: number },
    atMs: number,
  ): void {
    const held = this.#of(identity, FALLBACK_TIER, atMs)
    const consumed = held.bucket.capacity - levelAt(held.bucket, atMs)
    const { capacity, refillRate, until } = limit
    held.penalty = { capacity, refillRate, level: Math.max(0, capacity - consumed), atMs, untilMs: until }
  }

  pardon(identity: string): void {
    const held = this.#held.get(identity)
    if (held) held.penalty = undefined
  }

  /** Those that are not full then, the emptiest first. */
  list(atMs: number): BucketState[] {
    const states: BucketState[] = []
    for (const [identity, { tier, bucket, penalty }] of this.#held) {
      const strict = penalty && penalty.untilMs > atMs ? penalty : undefined
      const left = Math.min(levelAt(bucket, atMs), strict ? levelAt(strict, atMs) : Number.POSITIVE_INFINITY)
      if (!strict && left >= bucket.capacity) continue
      const { capacity, refillRate } = strict ?? bucket
      states.push({ identity, tier, capacity, refillRate, tokensLeft: Math.floor(left) })
    }
    return states.sort((a, b) => a.tokensLeft - b.tokensLeft || (a.identity < b.identity ? -1 : 1))
  }

  #debit({ bucket, penalty }: Held, tokens: number, atMs: number): void {
    for (const each of penalty ? [bucket, penalty] : [bucket]) {
      each.level = Math.max(0 - maxDebt(each), Math.min(each.capacity, levelAt(each, atMs) - tokens))
      each.atMs = Math.max(each.atMs, atMs)
    }
  }

  #of(identity: string, tier: TierName, atMs: number): Held {
    let held = this.#held.get(identity)
    if (!held) {
      const { capacity, refillRate } = this.#tierOf(identity, tier)
      held = { tier, bucket: { capacity, refillRate, level: capacity, atMs }, penalty: undefined }
      this.#held.set(identity, held)
    }
    return held
  }

  #tierOf(identity: string, name: TierName): Tier {
    const override = own(this.#policy?.identities, identity)
    if (typeof override === 'object') return override
    const tier = override ?? name
    return own(this.#policy?.tiers, tier) ?? own(DEFAULT_TIERS, tier) ?? DEFAULT_TIERS[FALLBACK_TIER]
  }
}

function levelAt({ capacity, refillRate, level, atMs }: Level, nowMs: number): number {
  return Math.min(capacity, level + (Math.max(0, nowMs - atMs) / 1_000) * refillRate)
}

/** What was spent stays spent, so the level moves with the capacity; but no debt comes of a smaller bucket. */
function resize(bucket: Level, tier: Tier, atMs: number): void {
  const level = levelAt(bucket, atMs)
  const moved = level + tier.capacity - bucket.capacity
  bucket.level = Math.min(tier.capacity, Math.max(moved, Math.min(level, 0), 0 - maxDebt(tier)))
  bucket.atMs = Math.max(bucket.atMs, atMs)
  bucket.capacity = tier.capacity
  bucket.refillRate = tier.refillRate
}

/** Names come from outside: what an object inherits is not a tier. */
function own<V>(record: Readonly<Record<string, V>> | undefined, name: string): V | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined
}
