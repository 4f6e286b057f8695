import assert from 'node:assert/strict'
import type { Budget, DataOf, TokensSettled } from '@fluxgate/contracts'
import { BudgetTable } from './budget-table.ts'
import type { Payer } from './scope.ts'
import type { Verdict } from './verdict.ts'

export const NOW_MS = Date.UTC(2026, 10, 18, 12)
export const DAY_MS = 86_400_000
export const LIMITS = { maxBudgetHolders: 100, maxBudgetHolds: 100, budgetLoadingMs: 5_000 }
export const ALICE: Payer = { identity: { user: 'alice', key: 'k1' }, identityText: 'alice.k1', tier: 'free' }
export const BOB: Payer = { identity: { user: 'bob', key: 'k9' }, identityText: 'bob.k9', tier: 'pro' }
export const daily = (rest: Partial<Budget> = {}): Budget => {
  return { name: 'daily', each: 'user', period: 'day', tokens: 1_000, action: 'refuse', ...rest }
}
export const tokens = (count: number) => ({ tokens: count, micros: 0 })

/** A table whose ledgers have read a log to its end. */
export function tableOf(budgets: readonly Budget[], limits: Partial<typeof LIMITS> = {}): BudgetTable {
  const table = new BudgetTable({ ...LIMITS, ...limits })
  for (const ledger of table.setBudgets(budgets, NOW_MS)) ledger.reading = table.main
  table.markLoaded(table.main)
  return table
}

let sequence = 0
export function fold(
  table: BudgetTable,
  request: string,
  payer: Payer,
  total: number,
  rest: Fold = {},
): void {
  const { micros = 0, timeMs = NOW_MS, nowMs = NOW_MS } = rest
  const fact = { request, ...payer.identity, tier: payer.tier, total, costMicros: micros }
  table.fold(table.main, fact as DataOf<typeof TokensSettled>, timeMs, ++sequence, nowMs)
}
interface Fold {
  readonly micros?: number
  readonly timeMs?: number
  readonly nowMs?: number
}

export function overOf(verdict: Verdict) {
  assert.equal(verdict.kind, 'over')
  return (verdict as Extract<Verdict, { kind: 'over' }>).by
}
export function withinOf(verdict: Verdict) {
  assert.equal(verdict.kind, 'within', JSON.stringify(verdict))
  return verdict as Extract<Verdict, { kind: 'within' }>
}
