import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { peakUse, tokenUseOf } from './token-use.ts'

describe('token use', () => {
  const use = (atMs: number, tokens: number, refillRate = 100) => ({ atMs, tokens, refillRate })

  test('peakUse finds the window with the most tokens beyond the allowance', () => {
    assert.equal(peakUse([], 2_000), undefined)
    const uses = [use(5_000, 400), use(0, 900), use(5_500, 700), use(7_000, 1)]
    assert.deepEqual(peakUse(uses, 2_000), { atMs: 5_500, tokens: 1_100, allowance: 200 })
    // Exactly one window apart is no longer in it.
    assert.equal(peakUse([use(0, 10), use(2_000, 10)], 2_000)?.tokens, 10)
  })

  test('tokenUseOf subtracts from a settlement what progress events have counted', () => {
    const time = new Date(7).toISOString()
    const data = { total: 100, progressed: 60, refillRate: 5 }
    assert.deepEqual(tokenUseOf({ type: 'fluxgate.tokens.settled', time, data } as never), use(7, 40, 5))
    assert.deepEqual(
      tokenUseOf({ type: 'fluxgate.tokens.progressed', time, data: { delta: 60, refillRate: 5 } } as never),
      use(7, 60, 5),
    )
    assert.equal(tokenUseOf({ type: 'fluxgate.requests.admitted', time, data: {} } as never), undefined)
  })
})
