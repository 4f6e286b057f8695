import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { TierName } from '../tier.ts'
import { BilledModel, MAX_BILLED_MODELS, MAX_RAW_USAGE, Usage } from '../usage.ts'
import { DurationMs, EpochMs, identityFields, RequestId, record, ShortText, Tokens } from './fields.ts'

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
  3,
  record({
    request: RequestId,
    ...identityFields,
    tier: TierName,
    /** What the tier gives back each second: the guard's allowance. */
    refillRate: Type.Number({ minimum: 0 }),
    /** The model that was asked for. */
    model: ShortText,
    /** The model that answered, as the answer names it; absent when none was named and no fallback took over. */
    answered: Type.Optional(ShortText),
    upstream: ShortText,
    /** Over all models that billed the call. */
    usage: Usage,
    /** `usage.input + usage.output`. */
    total: Tokens,
    /** Which models used how much, when there were several: `usage` and `costMicros` are their sums. */
    models: Type.Optional(Type.Array(BilledModel, { minItems: 2, maxItems: MAX_BILLED_MODELS })),
    reserved: Tokens,
    /** Part of `total` that earlier `progressed` events have reported. */
    progressed: Tokens,
    /** Millionths of a US dollar by the price list in force at the admission; absent for a model without a price. */
    costMicros: Type.Optional(Tokens),
    /** `reported`: the vendor's own figures. `counted`: by a tokenizer. `estimated`: neither could be had of some part. */
    source: Type.Union([Type.Literal('reported'), Type.Literal('counted'), Type.Literal('estimated')]),
    /** The convention by which the vendor's figures were read. */
    vendor: Type.Optional(ShortText),
    /** The vendor's total is not the sum of the parts that it reports: see `raw`. */
    unbalanced: Type.Optional(Type.Literal(true)),
    /** The vendor's usage object as JSON, for what the categories do not express; absent when it is too large. */
    raw: Type.Optional(Type.String({ maxLength: MAX_RAW_USAGE })),
  }),
)

/** A budget's warning level or its limit was passed: appended once per budget, holder, period and level. */
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
