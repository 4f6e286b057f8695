import type { Budget } from '@fluxgate/contracts'
import type { BudgetTable } from './budget-table.ts'
import type { BudgetUse } from './ledger.ts'

/** How one holder stands in the running period. */
export interface HolderReport {
  readonly holder: string
  readonly standing: BudgetUse
}

export interface BudgetReport {
  readonly budget: Budget
  /** False while the log is read for it. */
  readonly loaded: boolean
  /** False when the log no longer held the beginning of the period: the sums are lower bounds. */
  readonly complete: boolean
  /** The log is summed up to here, epoch milliseconds; 0 when nothing was read yet. */
  readonly asOfMs: number
  readonly holders: number
  /** Those that have used most, at the most as many as were asked for. */
  readonly top: readonly HolderReport[]
}

/** @returns undefined for a budget that this node does not know yet */
export function reportOf(
  table: BudgetTable,
  name: string,
  maxHolders: number,
  nowMs: number,
): BudgetReport | undefined {
  const budget = table.budgets.find(each => each.name === name)
  const ledger = budget && table.bookOf(budget)?.ledger
  if (!ledger) return undefined
  const all = Array.from(ledger.holders(nowMs), (holder): HolderReport => {
    return { holder, standing: ledger.standing(holder, nowMs) }
  })
  const unit = budget.tokens === undefined ? 'micros' : 'tokens'
  all.sort((a, b) => b.standing.used[unit] - a.standing.used[unit] || (a.holder < b.holder ? -1 : 1))
  const { loaded, complete, asOfMs } = ledger
  return { budget, loaded, complete, asOfMs, holders: all.length, top: all.slice(0, maxHolders) }
}
