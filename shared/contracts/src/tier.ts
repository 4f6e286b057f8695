import Type, { type Static } from 'typebox'

/** A tier's name. `free` and `pro` are always there; the limits policy may add more. */
export const TierName = Type.String({ pattern: '^[a-z][a-z0-9_-]{0,31}$' })
export type TierName = Static<typeof TierName>

/** What an identity may do: a token bucket, and optionally how many requests a minute and streams at once. */
export const Tier = Type.Object(
  {
    /** Tokens. */
    capacity: Type.Number({ minimum: 0 }),
    /** Tokens per second. */
    refillRate: Type.Number({ minimum: 0 }),
    requestsPerMinute: Type.Optional(Type.Integer({ minimum: 1 })),
    concurrentStreams: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
)
export type Tier = Static<typeof Tier>

/** A bucket owes at most what it refills in this time. */
export const MAX_DEBT_SECONDS = 3_600

/**
 * The most tokens that a bucket can be below zero: its capacity, or what it refills in {@link MAX_DEBT_SECONDS}, whichever
 * is more. A call that used far more than it reserved is paid for; a wrong report cannot block an identity for days.
 */
export function maxDebt({ capacity, refillRate }: Pick<Tier, 'capacity' | 'refillRate'>): number {
  return Math.max(capacity, refillRate * MAX_DEBT_SECONDS)
}

/** Who has a tier that nobody defines is in this one. */
export const FALLBACK_TIER = 'free'

export const DEFAULT_TIERS: Readonly<Record<'free' | 'pro', Tier>> = Object.freeze({
  free: Object.freeze({ capacity: 5_000, refillRate: 100, requestsPerMinute: 600, concurrentStreams: 20 }),
  pro: Object.freeze({
    capacity: 50_000,
    refillRate: 1_000,
    requestsPerMinute: 6_000,
    concurrentStreams: 200,
  }),
})
