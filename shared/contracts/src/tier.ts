import Type, { type Static } from 'typebox'

/** Token-bucket tiers: `capacity` in tokens, `refillRate` in tokens per second. */
export const TierName = Type.Union([Type.Literal('free'), Type.Literal('pro')])
export type TierName = Static<typeof TierName>

export const Tier = Type.Object(
  { capacity: Type.Number({ minimum: 0 }), refillRate: Type.Number({ minimum: 0 }) },
  { additionalProperties: false },
)
export type Tier = Static<typeof Tier>

export const DEFAULT_TIERS: Readonly<Record<TierName, Tier>> = Object.freeze({
  free: Object.freeze({ capacity: 5_000, refillRate: 100 }),
  pro: Object.freeze({ capacity: 50_000, refillRate: 1_000 }),
})
