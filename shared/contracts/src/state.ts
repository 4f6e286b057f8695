import Type, { type Static } from 'typebox'
import { Actor, EpochMs, IncidentId, ShortText } from './events/fields.ts'
import { Tier, TierName } from './tier.ts'

/** KV buckets (contract). */
export const BUCKETS = Object.freeze({ throttles: 'throttles', nodes: 'nodes', policy: 'policy' })

/**
 * Command: limit this identity until then. Value of bucket `throttles` under `<user>.<key>`; a pardon deletes it.
 * `until` is inside because per-key TTL is silently ignored before nats-server 2.11.
 */
export const Throttle = Type.Object(
  {
    capacity: Type.Number({ minimum: 0 }),
    refillRate: Type.Number({ minimum: 0 }),
    imposedAt: EpochMs,
    until: EpochMs,
    reason: ShortText,
    rule: ShortText,
    actor: Actor,
    incident: Type.Optional(IncidentId),
  },
  { additionalProperties: false },
)
export type Throttle = Static<typeof Throttle>

/** A live gateway. Value of bucket `nodes` under its node id; gone when `heartbeat` is older than the bucket's age. */
export const GatewayNode = Type.Object(
  {
    node: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }),
    /** IP address and port that clients reach. */
    address: Type.String({ minLength: 1, maxLength: 64 }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    started: EpochMs,
    heartbeat: EpochMs,
  },
  { additionalProperties: false },
)
export type GatewayNode = Static<typeof GatewayNode>

/** The guard's thresholds, as data. Value of bucket `policy` under `guard`. */
export const GuardPolicy = Type.Object(
  {
    rules: Type.Object(
      {
        /** Tokens burnt in a window beyond what the tier refills in it. */
        contextFlood: Type.Object(
          {
            enabled: Type.Boolean(),
            windowMs: Type.Integer({ minimum: 100, maximum: 3_600_000 }),
            thresholdTokens: Type.Integer({ minimum: 1 }),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
    penalty: Type.Object(
      {
        capacity: Type.Number({ minimum: 0 }),
        refillRate: Type.Number({ minimum: 0 }),
        durationMs: Type.Integer({ minimum: 1_000, maximum: 31 * 86_400_000 }),
      },
      { additionalProperties: false },
    ),
    /** After a pardon by a person the same rule leaves the identity alone for this long. */
    graceMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
  },
  { additionalProperties: false },
)
export type GuardPolicy = Static<typeof GuardPolicy>

/** Tier overrides. Value of bucket `policy` under `limits`; what it leaves out keeps its default. */
export const LimitsPolicy = Type.Object(
  {
    tiers: Type.Partial(Type.Object({ free: Tier, pro: Tier })),
    identities: Type.Record(Type.String({ maxLength: 129 }), Type.Union([Tier, TierName])),
  },
  { additionalProperties: false },
)
export type LimitsPolicy = Static<typeof LimitsPolicy>
