import type { Refusal } from '../http/index.ts'
import type { Amount } from './ledger.ts'
import { inUnit, type Reached, shown } from './rule.ts'
import type { Verdict } from './verdict.ts'

/** Nobody knows when the calls in flight end: a guess that keeps clients from calling at once. */
const IN_FLIGHT_WAIT_MS = 1_000
/** Sums are read at tens of thousands of settlements a second; most are there by then. */
const LOADING_WAIT_MS = 1_000
const FULL_WAIT_MS = 1_000
const NO_RETRY = Object.freeze({ 'x-should-retry': 'false' })
/**
 * What a payer is told whose budgets do not let the call through: 402 (or the budget's own status) when the budget is
 * used up; 429 when only calls in flight hold the rest, which may come free; 503 while the sums are not known.
 */
export function budgetRefusal(
  verdict: Exclude<Verdict, { kind: 'within' }>,
  wanted: Amount,
  nowMs: number,
): Refusal {
  if (verdict.kind === 'loading') {
    const retryAfterMs = Math.min(LOADING_WAIT_MS, Math.max(1, verdict.untilMs - nowMs))
    return unavailable('budget_loading', 'A budget is being summed up. Please try again.', retryAfterMs)
  }
  if (verdict.kind === 'full') {
    const message = 'Too many calls are in flight to track their budgets. Please try again.'
    return unavailable('budgets_full', message, FULL_WAIT_MS)
  }
  const { by } = verdict
  const limit = `budget:${by.budget.name}`
  if (by.isOnlyHeld) {
    const message = `${usedText(by)} Calls in flight hold what this request would need. Please try again.`
    const code = 'budget_in_flight'
    return { reason: 'rate_limited', code, message, limit, retryAfterMs: IN_FLIGHT_WAIT_MS }
  }
  return {
    reason: 'over_budget',
    code: 'insufficient_quota',
    message: `${usedText(by)} ${reservesText(by, wanted)}`,
    limit,
    ...(by.budget.status === undefined ? {} : { status: by.budget.status }),
    headers: NO_RETRY,
    // What is larger than the whole budget does not pass in the next period either.
    ...(inUnit(wanted, by.unit) > by.limit ? {} : { retryAfterMs: Math.max(1, by.standing.endMs - nowMs) }),
  }
}

function unavailable(code: string, message: string, retryAfterMs: number): Refusal {
  return { reason: 'unavailable', code, message, retryAfterMs }
}

function usedText({ budget, unit, used, limit, standing }: Reached): string {
  const until = new Date(standing.endMs).toISOString()
  const of = unit === 'tokens' ? `${used} of ${limit} tokens` : `${dollars(used)} of ${dollars(limit)}`
  return `Budget "${budget.name}": ${of} are used; the ${budget.period} ends at ${until}.`
}

function reservesText({ unit }: Reached, wanted: Amount): string {
  const value = inUnit(wanted, unit)
  return `This request reserves ${unit === 'tokens' ? `${value} tokens` : dollars(value)}.`
}

function dollars(micros: number): string {
  return `$${shown('usd', micros)}`
}
