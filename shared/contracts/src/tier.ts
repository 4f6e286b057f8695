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
