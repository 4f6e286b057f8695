import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { DEFAULT_STRENGTH_LIMITS, openPasswordStrength } from './password-strength.worker.ts'

const fail = (error: Error) => assert.fail(error)

describe('the password estimator', () => {
  test('works in a thread that starts with the first password and ends when there is no more work', async () => {
    await using strength = openPasswordStrength(fail, { ...DEFAULT_STRENGTH_LIMITS, idleMs: 1 })
    assert.equal(strength.hasThread, false)
    assert.equal((await strength.estimate('112233445566', [])).kind, 'weak')
    await eventually(() => assert.equal(strength.hasThread, false))
    assert.equal((await strength.estimate('plum wagon seldom quiet', [])).kind, 'strong')
  })

  test('refuses what it has no room for, and answers the rest', async () => {
    await using strength = openPasswordStrength(fail, { ...DEFAULT_STRENGTH_LIMITS, maxWaiting: 2 })
    const asked = Array.from({ length: 6 }, () => strength.estimate('plum wagon seldom quiet', []))
    const kinds = (await Promise.all(asked)).map(verdict => verdict.kind)
    assert.deepEqual(kinds, ['strong', 'strong', 'strong', 'busy', 'busy', 'busy'])
  })

  test('gives up a password that takes too long, and goes on with the next', async () => {
    await using strength = openPasswordStrength(fail, { ...DEFAULT_STRENGTH_LIMITS, startMs: 1 })
    const [one, two] = await Promise.all([strength.estimate('x', []), strength.estimate('x', [])])
    assert.deepEqual([one.kind, two.kind], ['busy', 'busy'])
    assert.equal(strength.hasThread, false)
  })
})
