import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GuardPolicy } from '@fluxgate/contracts'
import { patchedPolicy } from './policy-patch.ts'

const BASE: GuardPolicy = {
  rules: {
    contextFlood: {
      enabled: true,
      windowMs: 2_000,
      thresholdTokens: 300,
      action: { kind: 'throttle', capacity: 5 },
    },
  },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 1_000,
  allow: { identities: ['u1', 'u2'] },
}

function patched(patch: Record<string, unknown>): GuardPolicy {
  const result = patchedPolicy(BASE, patch)
  assert.ok(result.ok, result.ok ? '' : result.reason)
  return result.policy
}

test('a patch changes what it names; the rest is as in force, with the defaults filled in', () => {
  const { rules, penalty, graceMs, allow } = patched({
    rules: { contextFlood: { thresholdTokens: 500 }, deadKeys: { threshold: 3 } },
    penalty: { durationMs: 5_000 },
  })
  assert.deepEqual([rules.contextFlood.thresholdTokens, rules.contextFlood.windowMs], [500, 2_000])
  assert.deepEqual([rules.deadKeys?.threshold, rules.deadKeys?.enabled], [3, true])
  assert.equal(rules.requestFlood?.threshold, 1_500)
  assert.deepEqual(penalty, { capacity: 100, refillRate: 10, durationMs: 5_000 })
  assert.deepEqual([graceMs, allow?.identities], [1_000, ['u1', 'u2']])
})

test('an action and a list are replaced as a whole', () => {
  const { rules, allow } = patched({
    rules: { contextFlood: { action: { kind: 'observe' } } },
    allow: { identities: ['u3'] },
  })
  assert.deepEqual(rules.contextFlood.action, { kind: 'observe' })
  assert.deepEqual(allow?.identities, ['u3'])
})

test('an unknown member of a policy is named, and a wrong value by its path', () => {
  for (const [patch, reason] of [
    [{ rule: {} }, /no "rule"; there are rules, penalty, repeat, graceMs, allow/],
    [{ rules: { constructor: {} } }, /no "rules.constructor"; there are contextFlood/],
    [{ rules: { contextFlood: { thresholdTokens: 0 } } }, /\/rules\/contextFlood\/thresholdTokens/],
    [{ rules: { contextFlood: { limit: 1 } } }, /\/rules\/contextFlood/],
    [{ rules: 5 }, /\/rules/],
    [{ graceMs: 'long' }, /\/graceMs/],
    [JSON.parse('{"__proto__": {"x": 1}}'), /no "__proto__"/],
  ] as const) {
    const result = patchedPolicy(BASE, patch)
    assert.ok(!result.ok, JSON.stringify(patch))
    assert.match(result.reason, reason)
  }
})
