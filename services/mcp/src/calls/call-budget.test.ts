import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallBudget } from './call-budget.ts'

const LIMITS = { callsPerMinute: 60, callBurst: 3, maxRunningCalls: 2 }

test('a burst is let through, then as many as the minute gives back', () => {
  const budget = new CallBudget(LIMITS)
  const callAt = (nowMs: number) => {
    const admission = budget.begin('a', nowMs)
    if (admission.ok) budget.end('a')
    return admission
  }
  for (let i = 0; i < 3; i++) assert.deepEqual(callAt(0), { ok: true })
  assert.deepEqual(callAt(0), { ok: false, reason: 'rate', retryAfterMs: 1_000 })
  assert.deepEqual(callAt(400), { ok: false, reason: 'rate', retryAfterMs: 600 })
  assert.deepEqual(callAt(1_000), { ok: true })
  // A clock that goes back gives nothing, and takes nothing.
  assert.equal(callAt(500).ok, false)
  assert.deepEqual(callAt(1_600), { ok: true })
})

test('callers have budgets of their own, and only so many calls run beside each other', () => {
  const budget = new CallBudget(LIMITS)
  assert.ok(budget.begin('a', 0).ok && budget.begin('a', 0).ok)
  assert.deepEqual(budget.begin('a', 0), { ok: false, reason: 'running' })
  assert.ok(budget.begin('b', 0).ok)
  budget.end('a')
  assert.ok(budget.begin('a', 0).ok)
})

test('callers at rest are forgotten when there are too many', () => {
  const budget = new CallBudget(LIMITS)
  assert.ok(budget.begin('runs', 0).ok)
  for (let i = 0; i < 10_001; i++) {
    assert.ok(budget.begin(`caller ${i}`, 0).ok)
    budget.end(`caller ${i}`)
  }
  assert.ok(budget.begin('runs', 0).ok)
  assert.deepEqual(budget.begin('runs', 0), { ok: false, reason: 'running' })
})
