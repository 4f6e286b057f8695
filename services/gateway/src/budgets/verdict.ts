import type { Amount, BudgetUse } from './ledger.ts'
import { inUnit, type Reached, type Rule } from './rule.ts'

/** What is left of the tightest budget of each unit, in tokens and in millionths of a dollar. */
export interface Remaining {
  tokens: number
  micros: number
}

export type Verdict =
  /** `left` after this call's reservation; undefined when no budget concerns the payer, Infinity for a unit without one. */
  | { readonly kind: 'within'; readonly warnings: readonly Reached[]; readonly left: Remaining | undefined }
  /** Of the budgets that say no the one that does for longest. */
  | { readonly kind: 'over'; readonly by: Reached }
  | { readonly kind: 'loading'; readonly untilMs: number }
  /** More is in flight, or on its way to the log, than can be held. */
  | { readonly kind: 'full' }

export const NO_WARNINGS: readonly Reached[] = Object.freeze([])
export const NOT_CONCERNED: Verdict = Object.freeze({
  kind: 'within',
  warnings: NO_WARNINGS,
  left: undefined,
})

/** Lowers what is left by one rule, and by what is wanted. */
export function takeLeft(left: Remaining, rule: Rule, wanted: Amount, { used, held }: BudgetUse): void {
  for (const { unit, limit } of rule.limits) {
    const rest = Math.max(0, limit - inUnit(used, unit) - inUnit(held, unit) - inUnit(wanted, unit))
    if (unit === 'tokens') left.tokens = Math.min(left.tokens, rest)
    else left.micros = Math.min(left.micros, rest)
  }
}
