import { shown } from './rule.ts'
import type { Verdict } from './verdict.ts'

/**
 * Adds what a payer is told of its budgets: what is left of the tightest in each unit after this call's reservation, and
 * each budget whose warning level is reached. Nothing where no budget concerns the payer.
 */
export function writeBudgetHeaders(
  headers: Record<string, string>,
  { left, warnings }: Extract<Verdict, { kind: 'within' }>,
  nowMs: number,
): void {
  if (!left) return
  if (left.tokens < Number.POSITIVE_INFINITY)
    headers['x-fluxgate-budget-remaining-tokens'] = String(Math.floor(left.tokens))
  if (left.micros < Number.POSITIVE_INFINITY)
    headers['x-fluxgate-budget-remaining-usd'] = String(shown('usd', left.micros))
  if (warnings.length === 0) return
  headers['x-fluxgate-budget-warning'] = warnings
    .map(({ budget, unit, used, limit, standing }) => {
      const reset = Math.max(0, Math.ceil((standing.endMs - nowMs) / 1_000))
      return `${budget.name};unit=${unit};used=${shown(unit, used)};limit=${shown(unit, limit)};reset=${reset}`
    })
    .join(', ')
}
