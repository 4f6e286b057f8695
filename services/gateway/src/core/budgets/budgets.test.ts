import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Budget, DataOf, LimitsPolicy, TokensSettled } from '@fluxgate/contracts'
import { withBudget, withoutBudget } from './budget-book.ts'
import { reportOf } from './budget-report.ts'
import { BudgetTable, type Verdict } from './budget-table.ts'
import { crossingId } from './crossing.ts'
import { tellBudgets } from './headers.ts'
import { periodEnd, periodStart } from './period.ts'
import { budgetRefusal } from './refusal.ts'
import { reservedAmount } from './reserved.ts'
import type { Payer } from './scope.ts'
import { SEEN_WINDOW, SeenRequests } from './seen-requests.ts'

const NOW_MS = Date.UTC(2026, 10, 18, 12)
const DAY_MS = 86_400_000
const LIMITS = { maxBudgetHolders: 100, maxBudgetHolds: 100, budgetLoadingMs: 5_000 }
const ALICE: Payer = { identity: { user: 'alice', key: 'k1' }, identityText: 'alice.k1', tier: 'free' }
const BOB: Payer = { identity: { user: 'bob', key: 'k9' }, identityText: 'bob.k9', tier: 'pro' }
const daily = (rest: Partial<Budget> = {}): Budget => {
  return { name: 'daily', each: 'user', period: 'day', tokens: 1_000, action: 'refuse', ...rest }
}
const tokens = (count: number) => ({ tokens: count, micros: 0 })

/** A table whose ledgers have read a log to its end. */
function tableOf(budgets: readonly Budget[], limits: Partial<typeof LIMITS> = {}): BudgetTable {
  const table = new BudgetTable({ ...LIMITS, ...limits })
  for (const ledger of table.setBudgets(budgets, NOW_MS)) ledger.reading = table.main
  table.markLoaded(table.main)
  return table
}

let sequence = 0
function fold(table: BudgetTable, request: string, payer: Payer, total: number, rest: Fold = {}): void {
  const { micros = 0, timeMs = NOW_MS, nowMs = NOW_MS } = rest
  const fact = { request, ...payer.identity, tier: payer.tier, total, costMicros: micros }
  table.fold(table.main, fact as DataOf<typeof TokensSettled>, timeMs, ++sequence, nowMs)
}
interface Fold {
  readonly micros?: number
  readonly timeMs?: number
  readonly nowMs?: number
}

function overOf(verdict: Verdict) {
  assert.equal(verdict.kind, 'over')
  return (verdict as Extract<Verdict, { kind: 'over' }>).by
}
function withinOf(verdict: Verdict) {
  assert.equal(verdict.kind, 'within', JSON.stringify(verdict))
  return verdict as Extract<Verdict, { kind: 'within' }>
}

describe('a period', () => {
  const start = (period: Budget['period'], text: string) =>
    new Date(periodStart(period, Date.parse(text))).toISOString().slice(0, 10)
  const end = (period: Budget['period'], text: string) =>
    new Date(periodEnd(period, periodStart(period, Date.parse(text)))).toISOString().slice(0, 10)

  it('is a day, a week from Monday, or a month, in UTC', () => {
    for (const [period, at, from, until] of [
      ['day', '2026-11-18T00:00:00Z', '2026-11-18', '2026-11-19'],
      ['day', '2026-11-18T23:59:59.999Z', '2026-11-18', '2026-11-19'],
      ['week', '2026-11-16T00:00:00Z', '2026-11-16', '2026-11-23'],
      ['week', '2026-11-22T23:59:59.999Z', '2026-11-16', '2026-11-23'],
      ['week', '1970-01-01T00:00:00Z', '1969-12-29', '1970-01-05'],
      ['month', '2028-02-29T12:00:00Z', '2028-02-01', '2028-03-01'],
      ['month', '2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01'],
    ] as const) {
      assert.deepEqual([start(period, at), end(period, at)], [from, until], `${period} of ${at}`)
    }
  })
})

describe('a budget that refuses', () => {
  it('lets pass what fits to the last token, and counts what calls in flight hold', () => {
    const table = tableOf([daily()])
    assert.equal(withinOf(table.ask(ALICE, tokens(1_000), NOW_MS)).left?.tokens, 0)
    table.reserve('r1', ALICE, tokens(600))
    const held = overOf(table.ask(ALICE, tokens(500), NOW_MS))
    assert.deepEqual([held.isOnlyHeld, held.used], [true, 0])
    withinOf(table.ask(ALICE, tokens(400), NOW_MS))
    withinOf(table.ask(BOB, tokens(1_000), NOW_MS))
    // Of the 600 only 100 were used: the rest is free again, before the log tells it and after.
    table.settle('r1', tokens(100), NOW_MS)
    withinOf(table.ask(ALICE, tokens(900), NOW_MS))
    fold(table, 'r1', ALICE, 100)
    const over = overOf(table.ask(ALICE, tokens(901), NOW_MS))
    assert.deepEqual([over.isOnlyHeld, over.used, over.limit], [false, 100, 1_000])
    assert.equal(table.holds, 0)
  })

  it('begins anew with its period', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 1_000)
    overOf(table.ask(ALICE, tokens(1), NOW_MS))
    withinOf(table.ask(ALICE, tokens(1_000), NOW_MS + DAY_MS))
  })

  it('sums money by what settlements cost', () => {
    const table = tableOf([{ name: 'money', each: 'key', period: 'month', usd: 0.5, action: 'refuse' }])
    fold(table, 'r1', ALICE, 10, { micros: 400_000 })
    withinOf(table.ask(ALICE, { tokens: 10, micros: 100_000 }, NOW_MS))
    const over = overOf(table.ask(ALICE, { tokens: 10, micros: 100_001 }, NOW_MS))
    assert.deepEqual([over.unit, over.used, over.limit], ['usd', 400_000, 500_000])
  })

  it('says no before one that only calls in flight are in the way of, and the longer one first', () => {
    const table = tableOf([
      daily({ tokens: 100 }),
      daily({ name: 'weekly', period: 'week', tokens: 100 }),
      daily({ name: 'monthly', period: 'month', tokens: 150 }),
    ])
    fold(table, 'r1', ALICE, 90)
    table.reserve('r2', ALICE, tokens(10))
    const by = overOf(table.ask(ALICE, tokens(55), NOW_MS))
    assert.deepEqual([by.budget.name, by.isOnlyHeld], ['weekly', false])
  })

  it('concerns only whom it names', () => {
    const table = tableOf([daily({ only: 'alice', tokens: 0 })])
    overOf(table.ask(ALICE, tokens(1), NOW_MS))
    assert.equal(withinOf(table.ask(BOB, tokens(1), NOW_MS)).left, undefined)
    const tiers = tableOf([daily({ each: 'tier', only: 'pro', tokens: 0 })])
    overOf(tiers.ask(BOB, tokens(1), NOW_MS))
    assert.equal(withinOf(tiers.ask(ALICE, tokens(1), NOW_MS)).left, undefined)
  })

  it('lets calls that ask for no tokens pass', () => {
    const table = tableOf([daily({ tokens: 0 })])
    withinOf(table.ask(ALICE, tokens(0), NOW_MS))
  })

  it('does not let anybody pass on sums that are not read, for a while; then by what is known', () => {
    const table = new BudgetTable(LIMITS)
    const [ledger] = table.setBudgets([daily()], NOW_MS)
    ledger!.reading = table.main
    assert.deepEqual(table.ask(ALICE, tokens(1), NOW_MS), { kind: 'loading', untilMs: NOW_MS + 5_000 })
    fold(table, 'r1', ALICE, 400)
    overOf(table.ask(ALICE, tokens(601), NOW_MS + 5_000))
    withinOf(table.ask(ALICE, tokens(600), NOW_MS + 5_000))
    const warns = new BudgetTable(LIMITS)
    warns.setBudgets([daily({ action: 'warn' })], NOW_MS)
    withinOf(warns.ask(ALICE, tokens(1), NOW_MS))
  })

  it('lets no more calls begin than can be held', () => {
    const table = tableOf([daily()], { maxBudgetHolds: 2 })
    for (const request of ['r1', 'r2']) table.reserve(request, ALICE, tokens(1))
    assert.deepEqual(table.ask(ALICE, tokens(1), NOW_MS), { kind: 'full' })
    fold(table, 'r1', ALICE, 1)
    withinOf(table.ask(ALICE, tokens(1), NOW_MS))
  })

  it('keeps its sums when its limit changes', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 300)
    table.reserve('r2', ALICE, tokens(100))
    assert.equal(table.setBudgets([daily({ tokens: 500 })], NOW_MS).length, 0)
    withinOf(table.ask(ALICE, tokens(100), NOW_MS))
    assert.equal(overOf(table.ask(ALICE, tokens(101), NOW_MS)).isOnlyHeld, true)
  })
})

describe('holders without number', () => {
  it('push out those that have used least, and that is told', () => {
    const table = tableOf([daily({ each: 'key' })], { maxBudgetHolders: 10 })
    const payer = (n: number): Payer => {
      return { identity: { user: 'u', key: `k${n}` }, identityText: `u.k${n}`, tier: 'free' }
    }
    for (let n = 1; n <= 30; n++) fold(table, `r${n}`, payer(n), n)
    const ledger = table.ledgers()[0]!
    assert.equal(ledger.forgotten, 20)
    assert.equal(ledger.standing('u.k30', NOW_MS).used.tokens, 30)
    assert.equal(ledger.standing('u.k1', NOW_MS).used.tokens, 0)
  })
})

describe('a crossing', () => {
  it('is told once per budget, level, holder and period, whoever finds it', () => {
    const table = tableOf([daily({ warnAt: 0.5 })])
    fold(table, 'r1', ALICE, 499)
    assert.deepEqual(table.crossings.takeUntold(), [])
    fold(table, 'r2', ALICE, 1)
    const [soft, ...rest] = table.crossings.takeUntold()
    assert.deepEqual(rest, [])
    assert.deepEqual(
      [soft!.level, soft!.request, soft!.holder, soft!.used, soft!.limit, soft!.unit, soft!.user],
      ['soft', 'r2', 'alice', 500, 1_000, 'tokens', 'alice'],
    )
    fold(table, 'r3', ALICE, 1)
    assert.deepEqual(table.crossings.takeUntold(), [])
    fold(table, 'r4', ALICE, 600)
    assert.deepEqual(
      table.crossings.takeUntold().map(({ level }) => level),
      ['hard'],
    )
    const tomorrowMs = NOW_MS + DAY_MS
    table.forgetOver(tomorrowMs)
    fold(table, 'r5', ALICE, 500, { timeMs: tomorrowMs, nowMs: tomorrowMs })
    const [next] = table.crossings.takeUntold()
    assert.deepEqual([next!.level, next!.periodStart], ['soft', periodStart('day', tomorrowMs)])
    assert.notEqual(crossingId(next!), crossingId(soft!))
  })

  it('has the same id at every node', () => {
    const [one, two] = [tableOf([daily()]), tableOf([daily()])]
    for (const [table, request] of [[one, 'r1'] as const, [two, 'r2'] as const]) {
      fold(table, request, ALICE, 900)
    }
    assert.equal(crossingId(one.crossings.takeUntold()[0]!), crossingId(two.crossings.takeUntold()[0]!))
  })

  it('that stands in the log already is not told again', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 900)
    const [soft] = table.crossings.takeUntold()
    const after = tableOf([daily()])
    fold(after, 'r1', ALICE, 900)
    after.crossings.markTold(soft!)
    assert.deepEqual(after.crossings.takeUntold(), [])
    const restarted = tableOf([daily()])
    restarted.crossings.restore(after.crossings.told())
    fold(restarted, 'r1', ALICE, 900)
    assert.deepEqual(restarted.crossings.takeUntold(), [])
  })

  it('is one of the limit when a call is refused below it, but not when only calls in flight are in the way', () => {
    const table = tableOf([daily()])
    let told = 0
    table.onUntold = () => told++
    table.reserve('r1', ALICE, tokens(800))
    table.refused(table.ask(ALICE, tokens(300), NOW_MS), ALICE, 'r2')
    assert.equal(told, 0)
    table.refused(table.ask(ALICE, tokens(1_001), NOW_MS), ALICE, 'r3')
    table.refused(table.ask(ALICE, tokens(1_001), NOW_MS), ALICE, 'r4')
    assert.equal(told, 1)
    const [hard] = table.crossings.takeUntold()
    assert.deepEqual([hard!.level, hard!.request, hard!.used], ['hard', 'r3', 0])
  })
})

describe('what a payer is told', () => {
  const headersOf = (table: BudgetTable, wanted = tokens(10)) => {
    const headers: Record<string, string> = {}
    tellBudgets(headers, withinOf(table.ask(ALICE, wanted, NOW_MS)), NOW_MS)
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

describe('what a call holds', () => {
  it('is its reservation, and what that costs', () => {
    const price = { input: 2, output: 10, cachedInput: 0.5 }
    assert.deepEqual(reservedAmount({ prompt: 100, reserved: 150 }, price), { tokens: 150, micros: 700 })
    // Capped by the tier: never more than is reserved.
    assert.deepEqual(reservedAmount({ prompt: 100, reserved: 80 }, price), { tokens: 80, micros: 160 })
    assert.deepEqual(reservedAmount({ prompt: 100, reserved: 150 }, undefined), { tokens: 150, micros: 0 })
  })
})

describe('requests that were seen', () => {
  it('are known for a window of messages, and again when the same message comes', () => {
    const seen = new SeenRequests()
    assert.deepEqual(
      [seen.isRepeated('r', 1), seen.isRepeated('r', 1), seen.isRepeated('r', 2)],
      [false, false, true],
    )
    seen.isRepeated('other', SEEN_WINDOW + 2)
    assert.equal(seen.isRepeated('r', SEEN_WINDOW + 3), false)
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
