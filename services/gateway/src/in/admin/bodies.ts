import { TierName, Token } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'
import { bodyReader } from '../../core/accounts/read-body.ts'

const MAX_TOKENS = 1e12
const MAX_THROTTLE_SECONDS = 31 * 86_400
const Identifier = Type.String({ minLength: 1, maxLength: 200 })
const Amount = Type.Number({ minimum: 0, maximum: MAX_TOKENS })
/** No control characters, which Postgres cannot store and logs should not hold, and no halves of characters. */
const ShortText = Type.String({ maxLength: 256, pattern: '^[^\\p{Cc}\\p{Cs}]*$' })
const only = { additionalProperties: false } as const

/** What the admin face takes. A field that it does not know is a mistake of the caller's, and told. */
export const readNewKey = bodyReader(
  Type.Object({ user_id: Token, tier: Type.Optional(TierName), name: Type.Optional(ShortText) }, only),
)
export const readTier = bodyReader(Type.Object({ user_id: Token, tier: TierName }, only))

const Limit = Type.Object({ identifier: Identifier, capacity: Amount, refill_rate: Amount }, only)
export const readLimit = bodyReader(Limit)

const ThrottleOrder = Type.Object(
  {
    identifier: Identifier,
    capacity: Amount,
    refill_rate: Amount,
    seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_THROTTLE_SECONDS })),
    reason: Type.Optional(ShortText),
  },
  only,
)
export type ThrottleOrder = Static<typeof ThrottleOrder>
export const readThrottle = bodyReader(ThrottleOrder)
export const readPardon = bodyReader(
  Type.Object({ identifier: Identifier, reason: Type.Optional(ShortText) }, only),
)
export const readUserQuery = bodyReader(Type.Object({ user_id: Token }, only))
