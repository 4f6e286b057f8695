import { Budget, PriceList, type Tier, TierName, Token } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'
import { bodyReader } from '../http/index.ts'

const MAX_TOKENS = 1e12
const MAX_KEY_DAYS = 3_650
/** Sums stay whole numbers that can be told exactly, in millionths of a dollar too. */
const MAX_BUDGET_TOKENS = 1e15
const MAX_BUDGET_USD = 1e9
const MAX_THROTTLE_SECONDS = 31 * 86_400
const Identifier = Type.String({ minLength: 1, maxLength: 200 })
const Amount = Type.Number({ minimum: 0, maximum: MAX_TOKENS })
/** No control characters, which Postgres cannot store and logs should not hold, and no halves of characters. */
const ShortText = Type.String({ maxLength: 256, pattern: '^[^\\p{Cc}\\p{Cs}]*$' })
const only = { additionalProperties: false } as const

/** What the admin face takes. A field that it does not know is a mistake of the caller's, and told. */
export const readNewKey = bodyReader(
  Type.Object(
    {
      user_id: Token,
      tier: Type.Optional(TierName),
      name: Type.Optional(ShortText),
      expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_KEY_DAYS })),
    },
    only,
  ),
)
const Role = Type.Union([Type.Literal('developer'), Type.Literal('operator')])
export const readNewUser = bodyReader(
  Type.Object({ user_id: Token, tier: Type.Optional(TierName), role: Type.Optional(Role) }, only),
)
export const readRole = bodyReader(Type.Object({ user_id: Token, role: Role }, only))
export const readUserOrder = bodyReader(
  Type.Object({ user_id: Token, reason: Type.Optional(ShortText) }, only),
)
const MAX_INVITATION_HOURS = 90 * 24
export const readInvitation = bodyReader(
  Type.Object(
    {
      email: Type.String({ minLength: 3, maxLength: 254 }),
      role: Type.Optional(Role),
      tier: Type.Optional(TierName),
      expires_in_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_INVITATION_HOURS })),
    },
    only,
  ),
)
export const readTier = bodyReader(Type.Object({ user_id: Token, tier: TierName }, only))

const limitFields = {
  capacity: Amount,
  refill_rate: Amount,
  requests_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TOKENS })),
  concurrent_streams: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TOKENS })),
}
const LimitBody = Type.Object(limitFields, only)
/** A tier's limits as the admin face writes them. */
export type LimitBody = Static<typeof LimitBody>
export const readTierLimits = bodyReader(LimitBody)
export const readLimit = bodyReader(Type.Object({ identifier: Identifier, ...limitFields }, only))
export const readTierName = bodyReader(Type.Object({ name: TierName }, only))

const ThrottleOrder = Type.Object(
  {
    identifier: Identifier,
    capacity: Amount,
    refill_rate: Amount,
    seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_THROTTLE_SECONDS })),
    reason: Type.Optional(ShortText),
    end_streams: Type.Optional(Type.Boolean()),
  },
  only,
)
export type ThrottleOrder = Static<typeof ThrottleOrder>
export const readThrottle = bodyReader(ThrottleOrder)
export const readRefill = bodyReader(
  Type.Object({ identifier: Identifier, reason: Type.String({ ...ShortText, minLength: 1 }) }, only),
)
export const readPardon = bodyReader(
  Type.Object({ identifier: Identifier, reason: Type.Optional(ShortText) }, only),
)
export const readUserQuery = bodyReader(Type.Object({ user_id: Token }, only))

const budget = Budget.properties
const BudgetBody = Type.Object(
  {
    each: budget.each,
    only: budget.only,
    period: budget.period,
    tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_BUDGET_TOKENS })),
    usd: Type.Optional(Type.Number({ minimum: 0, maximum: MAX_BUDGET_USD })),
    warn_at: budget.warnAt,
    action: Type.Optional(budget.action),
    status: budget.status,
  },
  only,
)
/** A budget as the admin face writes it; its name stands in the path. */
export type BudgetBody = Static<typeof BudgetBody>
export const readBudget = bodyReader(BudgetBody)
export const readBudgetName = bodyReader(Type.Object({ name: budget.name }, only))
export const readPriceList = bodyReader(PriceList)

export function budgetOf(name: string, body: BudgetBody): Budget {
  const { warn_at, action = 'refuse', ...rest } = body
  return { name, ...rest, action, ...(warn_at === undefined ? {} : { warnAt: warn_at }) }
}

export function budgetBody({ name, warnAt, ...rest }: Budget): BudgetBody & { name: string } {
  return { name, ...rest, ...(warnAt === undefined ? {} : { warn_at: warnAt }) }
}

export function tierOf(body: LimitBody): Tier {
  const { capacity, refill_rate, requests_per_minute, concurrent_streams } = body
  return {
    capacity,
    refillRate: refill_rate,
    ...(requests_per_minute === undefined ? {} : { requestsPerMinute: requests_per_minute }),
    ...(concurrent_streams === undefined ? {} : { concurrentStreams: concurrent_streams }),
  }
}

export function limitBody({ capacity, refillRate, requestsPerMinute, concurrentStreams }: Tier): LimitBody {
  return {
    capacity,
    refill_rate: refillRate,
    ...(requestsPerMinute === undefined ? {} : { requests_per_minute: requestsPerMinute }),
    ...(concurrentStreams === undefined ? {} : { concurrent_streams: concurrentStreams }),
  }
}
