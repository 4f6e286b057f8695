import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { TierName } from '../tier.ts'
import { DurationMs, EpochMs, identityFields, RequestId, record, ShortText, Tokens } from './fields.ts'

/** Tokens taken at admission. Rides in `requests.admitted`; published apart only when a reservation grows later. */
export const TokensReserved = defineEvent(
  'tokens',
  'reserved',
  1,
  record({ request: RequestId, ...identityFields, reserved: Tokens }),
)

/** A long stream's count so far; at most once a second and request. */
export const TokensProgressed = defineEvent(
  'tokens',
  'progressed',
  2,
  record({
    request: RequestId,
    ...identityFields,
    tier: TierName,
    refillRate: Type.Number({ minimum: 0 }),
    model: ShortText,
    prompt: Tokens,
    completion: Tokens,
    /** Growth of prompt + completion since the last `progressed` of this request. */
    delta: Tokens,
    elapsedMs: DurationMs,
  }),
)

/** The true count, exactly once per admitted request. */
export const TokensSettled = defineEvent(
  'tokens',
  'settled',
  2,
  record({
    request: RequestId,
    ...identityFields,
    tier: TierName,
    /** What the tier gives back each second: the guard's allowance. */
    refillRate: Type.Number({ minimum: 0 }),
    model: ShortText,
    upstream: ShortText,
    prompt: Tokens,
    completion: Tokens,
    total: Tokens,
    reserved: Tokens,
    /** Part of `total` that `progressed` events have told already. */
    progressed: Tokens,
    /** Part of `prompt` that the upstream read from its prompt cache. */
    cached: Type.Optional(Tokens),
    /** Millionths of a US dollar by the price list in force at the admission; absent for a model without a price. */
    costMicros: Type.Optional(Tokens),
    source: Type.Union([Type.Literal('reported'), Type.Literal('counted'), Type.Literal('estimated')]),
  }),
)

/** A budget's warning level or its limit was passed: told once per budget, holder, period and level. */
export const BudgetCrossed = defineEvent(
  'tokens',
  'budget_crossed',
  1,
  record({
    ...identityFields,
    /** The request whose settlement or refusal crossed it. */
    request: RequestId,
    budget: ShortText,
    each: Type.Union([Type.Literal('key'), Type.Literal('user'), Type.Literal('tier'), Type.Literal('all')]),
    /** Whose budget it is: an identity, a user, a tier, or `all`. */
    holder: ShortText,
    period: Type.Union([Type.Literal('day'), Type.Literal('week'), Type.Literal('month')]),
    periodStart: EpochMs,
    level: Type.Union([Type.Literal('soft'), Type.Literal('hard')]),
    unit: Type.Union([Type.Literal('tokens'), Type.Literal('usd')]),
    limit: Type.Number({ minimum: 0 }),
    used: Type.Number({ minimum: 0 }),
  }),
)
