import type { Budget } from '@fluxgate/contracts'
import type { Amount, BudgetUse, Ledger } from './ledger.ts'

export type Unit = 'tokens' | 'usd'
export type Level = 'soft' | 'hard'

/** Warn when this part of a limit is used, unless the budget says another. */
const DEFAULT_WARN_AT = 0.8
const MICROS_PER_USD = 1e6

/** A budget with its limits in the units that are summed. */
export interface Rule {
  readonly budget: Budget
  readonly limits: ReadonlyArray<{ readonly unit: Unit; readonly limit: number; readonly warnFrom: number }>
}

/** The rules of one scope, and the sums they look at. */
export interface Book {
  readonly ledger: Ledger
  readonly rules: Rule[]
}

/** A level that a holder has reached: of which budget, in which unit (tokens, or millionths of a dollar). */
export interface Reached {
  readonly budget: Budget
  readonly holder: string
  readonly unit: Unit
  readonly limit: number
  readonly used: number
  /** True when only what calls in flight hold stands in the way: it may come free at any moment. */
  readonly isOnlyHeld: boolean
  readonly standing: Pick<BudgetUse, 'startMs' | 'endMs'>
}

export function ruleOf(budget: Budget): Rule {
  const warnAt = budget.warnAt ?? DEFAULT_WARN_AT
  const limits: Array<Rule['limits'][number]> = []
  const add = (unit: Unit, limit: number) => limits.push({ unit, limit, warnFrom: limit * warnAt })
  if (budget.tokens !== undefined) add('tokens', budget.tokens)
  if (budget.usd !== undefined) {
    add('usd', Math.min(Number.MAX_SAFE_INTEGER, Math.round(budget.usd * MICROS_PER_USD)))
  }
  return { budget, limits }
}

export function inUnit(amount: Amount, unit: Unit): number {
  return unit === 'tokens' ? amount.tokens : amount.micros
}

/** For people and events: tokens as they are, millionths as dollars. */
export function shown(unit: Unit, value: number): number {
  return unit === 'tokens' ? value : value / MICROS_PER_USD
}

/** The first limit that the use so far has reached; a limit of nothing has no warning level. */
export function reachedBy(
  rule: Rule,
  level: Level,
  holder: string,
  standing: BudgetUse,
): Reached | undefined {
  for (const { unit, limit, warnFrom } of rule.limits) {
    const used = inUnit(standing.used, unit)
    if (level === 'hard' ? used >= limit : limit > 0 && used >= warnFrom) {
      return { budget: rule.budget, holder, unit, limit, used, isOnlyHeld: false, standing }
    }
  }
  return undefined
}

/** The one of two that says no for longer; what will not come free weighs more than what calls in flight hold. */
export function stricter(a: Reached | undefined, b: Reached): Reached {
  if (!a) return b
  if (a.isOnlyHeld !== b.isOnlyHeld) return a.isOnlyHeld ? b : a
  return b.standing.endMs > a.standing.endMs ? b : a
}

/** A limit that would be passed if the calls in flight and this one used all that they reserve; one that this call alone passes comes first. */
export function exceededBy(
  rule: Rule,
  wanted: Amount,
  holder: string,
  standing: BudgetUse,
): Reached | undefined {
  let found: Reached | undefined
  for (const { unit, limit } of rule.limits) {
    const used = inUnit(standing.used, unit)
    const needed = used + inUnit(wanted, unit)
    if (needed + inUnit(standing.held, unit) <= limit) continue
    const isOnlyHeld = needed <= limit
    if (!found || !isOnlyHeld)
      found = { budget: rule.budget, holder, unit, limit, used, isOnlyHeld, standing }
    if (!isOnlyHeld) return found
  }
  return found
}
