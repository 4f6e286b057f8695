import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Budget, LimitsPolicy } from '@fluxgate/contracts'
import { withBudget, withoutBudget } from '../policy/budget-book.ts'
import { writeBudgetHeaders } from './budget-headers.ts'
import { reportOf } from './budget-report.ts'
import type { BudgetTable } from './budget-table.ts'
import { budgetRefusal } from './refusal.ts'
import { ALICE, BOB, DAY_MS, daily, fold, NOW_MS, tableOf, tokens, withinOf } from './test-tables.ts'
import type { Verdict } from './verdict.ts'

describe('the event of a crossing', () => {
  const headersOf = (table: BudgetTable, wanted = tokens(10)) => {
    const headers: Record<string, string> = {}
    writeBudgetHeaders(headers, withinOf(table.ask(ALICE, wanted, NOW_MS)), NOW_MS)
    return headers
  }

  it('is what is left of the tightest budget, and each warning', () => {
    const table = tableOf([
      daily(),
      { name: 'money', each: 'all', period: 'month', usd: 2, tokens: 5_000, warnAt: 0.5, action: 'warn' },
    ])
    assert.deepEqual(headersOf(table), {
      'x-fluxgate-budget-remaining-tokens': '990',
      'x-fluxgate-budget-remaining-usd': '2',
    })
    fold(table, 'r1', ALICE, 850, { micros: 1_250_000 })
    const untilMonthEnd = (Date.UTC(2026, 11, 1) - NOW_MS) / 1_000
    assert.deepEqual(headersOf(table, { tokens: 10, micros: 1 }), {
      'x-fluxgate-budget-remaining-tokens': '140',
      'x-fluxgate-budget-remaining-usd': '0.749999',
      'x-fluxgate-budget-warning': `daily;unit=tokens;used=850;limit=1000;reset=43200, money;unit=usd;used=1.25;limit=2;reset=${untilMonthEnd}`,
    })
    fold(table, 'r2', BOB, 5_000)
    assert.equal(headersOf(table)['x-fluxgate-budget-remaining-tokens'], '0')
  })

  it('is nothing without a budget', () => {
    assert.deepEqual(headersOf(tableOf([])), {})
    assert.deepEqual(headersOf(tableOf([daily({ only: 'bob' })])), {})
  })

  it('is why a call was refused, and when it would pass', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 900)
    const refuse = (wanted: number, nowMs = NOW_MS) => {
      const verdict = table.ask(ALICE, tokens(wanted), nowMs)
      assert.notEqual(verdict.kind, 'within')
      return budgetRefusal(verdict as Exclude<Verdict, { kind: 'within' }>, tokens(wanted), nowMs)
    }
    const over = refuse(200)
    assert.deepEqual(
      [over.reason, over.code, over.status, over.limit, over.retryAfterMs, over.headers],
      [
        'over_budget',
        'insufficient_quota',
        undefined,
        'budget:daily',
        DAY_MS / 2,
        { 'x-should-retry': 'false' },
      ],
    )
    assert.match(over.message, /900 of 1000 tokens .*2026-11-19T00:00:00.000Z.* reserves 200 tokens/)
    assert.equal(refuse(1_001).retryAfterMs, undefined)
    table.reserve('r2', ALICE, tokens(60))
    const held = refuse(50)
    assert.deepEqual([held.reason, held.limit, held.retryAfterMs], ['rate_limited', 'budget:daily', 1_000])
    table.setBudgets([daily({ status: 429 })], NOW_MS)
    assert.equal(refuse(200).status, 429)
  })
})

describe('the list of budgets', () => {
  const policy: LimitsPolicy = { tiers: {}, identities: {}, budgets: [daily()] }
  const code = (budget: Budget) => {
    const outcome = withBudget(policy, budget)
    return outcome.ok ? 'ok' : outcome.fault.code
  }

  it('takes new ones, replaces by name, and removes', () => {
    const more = withBudget(policy, daily({ name: 'b' }))
    assert.ok(more.ok)
    assert.deepEqual(
      more.value.budgets?.map(({ name }) => name),
      ['daily', 'b'],
    )
    const changed = withBudget(more.value, daily({ tokens: 5 }))
    assert.ok(changed.ok)
    assert.deepEqual(
      changed.value.budgets?.map(budget => budget.tokens),
      [5, 1_000],
    )
    const less = withoutBudget(changed.value, 'daily')
    assert.ok(less.ok)
    assert.deepEqual(
      less.value.budgets?.map(({ name }) => name),
      ['b'],
    )
    const gone = withoutBudget(less.value, 'daily')
    assert.equal(gone.ok ? '' : gone.fault.code, 'not_found')
  })

  it('refuses what cannot be meant', () => {
    const { tokens: _, ...unlimited } = daily()
    for (const budget of [
      unlimited,
      daily({ action: 'warn', status: 402 }),
      daily({ each: 'all', only: 'alice' }),
      daily({ each: 'user', only: 'alice.k1' }),
    ]) {
      assert.equal(code(budget), 'invalid_body', JSON.stringify(budget))
    }
    assert.equal(code(daily({ each: 'tier', only: 'no-such' })), 'unknown_tier')
    assert.equal(code(daily({ each: 'tier', only: 'pro' })), 'ok')
    const full = { ...policy, budgets: Array.from({ length: 1_000 }, (_, n) => daily({ name: `b${n}` })) }
    const more = withBudget(full, daily({ name: 'one-more' }))
    assert.equal(more.ok ? '' : more.fault.code, 'conflict')
    assert.ok(withBudget(full, daily({ name: 'b5', tokens: 1 })).ok)
  })
})

describe('a report', () => {
  it('has those that used most first, and no more than were asked for', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 10)
    fold(table, 'r2', BOB, 20)
    table.reserve('r3', ALICE, tokens(5))
    const report = reportOf(table, 'daily', 1, NOW_MS)
    assert.deepEqual(
      [report?.holders, report?.top.map(({ holder }) => holder), report?.loaded, report?.complete],
      [2, ['bob'], true, true],
    )
    const all = reportOf(table, 'daily', 10, NOW_MS)
    assert.deepEqual([all?.top[1]?.standing.used.tokens, all?.top[1]?.standing.held.tokens], [10, 5])
    assert.equal(reportOf(table, 'other', 10, NOW_MS), undefined)
  })
})
