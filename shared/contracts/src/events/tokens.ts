import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { TierName } from '../tier.ts'
import { DurationMs, identityFields, RequestId, record, ShortText, Tokens } from './fields.ts'

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
  1,
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
  1,
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
    source: Type.Union([Type.Literal('reported'), Type.Literal('counted'), Type.Literal('estimated')]),
  }),
)
