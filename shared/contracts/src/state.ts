import Type, { type Static } from 'typebox'
import { Actor, EpochMs, IncidentId, ShortText } from './events/fields.ts'
import { Tier, TierName } from './tier.ts'

/** KV buckets (contract). */
export const BUCKETS = Object.freeze({
  throttles: 'throttles',
  nodes: 'nodes',
  policy: 'policy',
  /** Who of several processes leads. */
  leases: 'leases',
  /** Keys of the hashes that stand for client addresses in events. Gateways only. */
  addressKeys: 'address_keys',
  /** Hash → client address, for some days. */
  addresses: 'addresses',
})

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
    /** End the streams that run when it arrives, too. */
    endStreams: Type.Optional(Type.Boolean()),
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

/** The address, or /64 of an IPv6 address, that a hash in events is of. Value of bucket `addresses` under the hash. */
export const ClearAddress = Type.Object(
  { address: Type.String({ maxLength: 64 }) },
  { additionalProperties: false },
)

/** What follows from a finding. What is absent is as in the policy's `penalty`; `block` is a throttle that lets nothing pass. */
export const GuardAction = Type.Object(
  {
    kind: Type.Union([Type.Literal('observe'), Type.Literal('throttle'), Type.Literal('block')]),
    /** Tokens. */
    capacity: Type.Optional(Type.Number({ minimum: 0 })),
    /** Tokens per second. */
    refillRate: Type.Optional(Type.Number({ minimum: 0 })),
    durationMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 31 * 86_400_000 })),
    /** End the streams that run when it arrives, too. */
    endStreams: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
export type GuardAction = Static<typeof GuardAction>

function guardRule<P extends Record<string, Type.TSchema>>(thresholds: P) {
  return Type.Object(
    {
      enabled: Type.Boolean(),
      windowMs: Type.Integer({ minimum: 100, maximum: 3_600_000 }),
      action: Type.Optional(GuardAction),
      ...thresholds,
    },
    { additionalProperties: false },
  )
}
/** Events of a window that are still allowed. */
const Count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 })
/** Different things of a window that are still allowed: each of them is remembered. */
const Distinct = Type.Integer({ minimum: 1, maximum: 1_000 })

/**
 * The guard's thresholds, as data. Value of bucket `policy` under `guard`, and under `guard-shadow` for a second one
 * whose decisions are told and not enforced. What is left out has a default: see infra/docs/how-to/policies.md.
 */
export const GuardPolicy = Type.Object(
  {
    rules: Type.Object(
      {
        /** Tokens consumed in a window beyond what the tier refills in it. */
        contextFlood: guardRule({
          thresholdTokens: Type.Integer({ minimum: 1 }),
          /** Or so many seconds of the tier's refill, whichever is more: a tier's full bucket is no flood. */
          burstSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 3_600 })),
        }),
        /** Tokens of a window beyond the identity's own baseline: the median of its active windows before. */
        tokenDrain: Type.Optional(
          guardRule({
            /** How many windows before the present one are the baseline. */
            baselineWindows: Type.Integer({ minimum: 3, maximum: 60 }),
            /** No judgement before so many of them were active. */
            warmUpWindows: Type.Integer({ minimum: 2, maximum: 60 }),
            /** Allowed robust z-score, of the logarithm of tokens. */
            deviations: Type.Number({ minimum: 1, maximum: 100 }),
            /** Less than this in a window is never a drain. */
            minTokens: Type.Integer({ minimum: 1 }),
          }),
        ),
        /** Calls of one identity, admitted or refused. */
        requestFlood: Type.Optional(guardRule({ threshold: Count })),
        /** Wrong passwords for one account, from wherever. */
        failedLoginsAccount: Type.Optional(guardRule({ threshold: Count })),
        /** Wrong passwords from one address, for whatever account. */
        failedLoginsAddress: Type.Optional(guardRule({ threshold: Count })),
        /** Unknown or malformed keys from one address. */
        keyGuessing: Type.Optional(guardRule({ threshold: Count })),
        /** Addresses that one key is used from. */
        keySharing: Type.Optional(guardRule({ threshold: Distinct })),
        /** Streams of one identity that run at once; one that began more than a window ago counts as ended. */
        concurrentStreams: Type.Optional(guardRule({ threshold: Distinct })),
        /** Calls answered with a client error, and different models that are not served. */
        errorProbing: Type.Optional(
          guardRule({
            thresholdErrors: Count,
            /** Part of all calls in the window that has to be errors before they count as a storm. */
            minShare: Type.Number({ minimum: 0, maximum: 1 }),
            thresholdModels: Distinct,
          }),
        ),
        /** Prompts of more tokens (estimated) than `promptTokens`, and bodies that were too large. */
        oversizedPrompts: Type.Optional(
          guardRule({ promptTokens: Type.Integer({ minimum: 1 }), threshold: Count }),
        ),
        /** Revoked or expired keys used from one address. */
        deadKeys: Type.Optional(guardRule({ threshold: Count })),
      },
      { additionalProperties: false },
    ),
    /** The throttle of every rule whose `action` does not say otherwise. */
    penalty: Type.Object(
      {
        capacity: Type.Number({ minimum: 0 }),
        refillRate: Type.Number({ minimum: 0 }),
        durationMs: Type.Integer({ minimum: 1_000, maximum: 31 * 86_400_000 }),
        endStreams: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    /** Each further incident of the same rule about the same identity within the window lasts `factor` times as long. */
    repeat: Type.Optional(
      Type.Object(
        {
          windowMs: Type.Integer({ minimum: 0, maximum: 31 * 86_400_000 }),
          factor: Type.Number({ minimum: 1, maximum: 100 }),
          maxDurationMs: Type.Integer({ minimum: 1_000, maximum: 31 * 86_400_000 }),
        },
        { additionalProperties: false },
      ),
    ),
    /** After a pardon by a person the same rule leaves the identity alone for this long. */
    graceMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
    /** Never found guilty: users, `<user>.<key>`, and addresses. */
    allow: Type.Optional(
      Type.Object(
        {
          identities: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 129 }), { maxItems: 10_000 }),
          ),
          addresses: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 10_000 }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type GuardPolicy = Static<typeof GuardPolicy>

/**
 * A budget of settled tokens, of money, or of both. `each` says who holds one: every key, every user, every tier, or all
 * together; `only` narrows it to one of them. Periods are UTC; weeks begin on Monday (ISO 8601).
 */
export const Budget = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }),
    each: Type.Union([Type.Literal('key'), Type.Literal('user'), Type.Literal('tier'), Type.Literal('all')]),
    only: Type.Optional(Type.String({ minLength: 1, maxLength: 129 })),
    period: Type.Union([Type.Literal('day'), Type.Literal('week'), Type.Literal('month')]),
    tokens: Type.Optional(Type.Integer({ minimum: 0 })),
    /** US dollars, by the price list. */
    usd: Type.Optional(Type.Number({ minimum: 0 })),
    /** Part of the limit at which a warning is told, in an event and a header. */
    warnAt: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    /** `warn` only tells; `refuse` answers with the status. */
    action: Type.Union([Type.Literal('warn'), Type.Literal('refuse')]),
    status: Type.Optional(Type.Union([Type.Literal(402), Type.Literal(429)])),
  },
  { additionalProperties: false },
)
export type Budget = Static<typeof Budget>

/** Tiers, overrides and budgets. Value of bucket `policy` under `limits`; what it leaves out keeps its default. */
export const LimitsPolicy = Type.Object(
  {
    tiers: Type.Record(TierName, Tier),
    identities: Type.Record(Type.String({ maxLength: 129 }), Type.Union([Tier, TierName])),
    budgets: Type.Optional(Type.Array(Budget, { maxItems: 1_000 })),
  },
  { additionalProperties: false },
)
export type LimitsPolicy = Static<typeof LimitsPolicy>

const Usd = Type.Number({ minimum: 0 })

/**
 * US dollars per million tokens, for the model that answers. A category without a price costs what the plain one does,
 * `input` or `output`: no factor is assumed. Images and tools without a price cost nothing beside their tokens.
 */
export const Price = Type.Object(
  {
    /** From when it holds, UTC: a date, or a date and a time. Without it, from the beginning. */
    from: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d)?Z)?$' })),
    input: Usd,
    output: Usd,
    /** What the upstream read from its prompt cache. */
    cachedInput: Type.Optional(Usd),
    /** What went into a prompt cache for five minutes, or for the vendor's only lifetime. */
    cacheWrite5m: Type.Optional(Usd),
    /** What went into a prompt cache for an hour; without it as `cacheWrite5m`. */
    cacheWrite1h: Type.Optional(Usd),
    reasoning: Type.Optional(Usd),
    audioInput: Type.Optional(Usd),
    audioOutput: Type.Optional(Usd),
    /** US dollars for each image that is generated. */
    images: Type.Optional(Usd),
    /** US dollars for each call of a tool, by its name. */
    tools: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Usd)),
  },
  { additionalProperties: false },
)
export type Price = Static<typeof Price>

/** Prices that a model has had and will have: the newest that has begun holds. */
const MAX_PRICES = 64

/**
 * Value of bucket `policy` under `prices`: model → its price, or several with the dates from which they hold. A name may
 * end in `*`; the exact name counts first, then the longest match.
 */
export const PriceList = Type.Object(
  {
    models: Type.Record(
      Type.String({ minLength: 1, maxLength: 256 }),
      Type.Union([Price, Type.Array(Price, { minItems: 1, maxItems: MAX_PRICES })]),
    ),
  },
  { additionalProperties: false },
)
export type PriceList = Static<typeof PriceList>
