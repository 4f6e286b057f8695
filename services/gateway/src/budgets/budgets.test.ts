import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Budget } from '@fluxgate/contracts'
import { BudgetTable } from './budget-table.ts'
import { reservedAmount } from './estimate.ts'
import { periodEnd, periodStart } from './period.ts'
import type { Payer } from './scope.ts'
import { MAX_SEEN, SEEN_WINDOW, SeenRequests } from './seen-requests.ts'
import {
  ALICE,
  BOB,
  DAY_MS,
  daily,
  fold,
  LIMITS,
  NOW_MS,
  overOf,
  tableOf,
  tokens,
  withinOf,
} from './test-tables.ts'

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

  it('counts only the holders that it names', () => {
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
  it('evict the holders that have used least, and report it', () => {
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

  it('are known over the first messages of a log that was made anew, and forgotten behind them', () => {
    const seen = new SeenRequests()
    for (let i = 1; i <= 10; i++) seen.isRepeated(`r${i}`, 1_000_000 + i)
    seen.beginAnew()
    assert.equal(seen.isRepeated('r1', 1), true)
    assert.equal(seen.isRepeated('new', SEEN_WINDOW + 1), false)
    assert.equal(seen.size, 1)
  })

  it('are no more than the window is long', () => {
    const seen = new SeenRequests()
    for (let i = 1; i <= 2 * SEEN_WINDOW; i++) seen.isRepeated(`r${i}`, i)
    assert.equal(seen.size, SEEN_WINDOW + 1)
  })

  it('are no more than their number, however many are in one message', () => {
    const seen = new SeenRequests()
    for (let i = 0; i < 2 * MAX_SEEN; i++) seen.isRepeated(`r${i}`, 1 + Math.floor(i / 500))
    assert.equal(seen.size, MAX_SEEN)
  })
})

it('a budget table releases a settlement that the log was read past without it', () => {
  const table = tableOf([daily()])
  table.reserve('r1', ALICE, tokens(900))
  table.settle('r1', tokens(900), NOW_MS)
  const ask = () => table.ask(ALICE, tokens(500), NOW_MS).kind
  assert.equal(ask(), 'over')
  table.reach(table.main, 100, NOW_MS + 60_000)
  table.forgetOver(NOW_MS)
  assert.equal(ask(), 'over', 'it may still be on its way')
  table.reach(table.main, 200, NOW_MS + 3_700_000)
  table.forgetOver(NOW_MS)
  assert.equal(ask(), 'within')
})
