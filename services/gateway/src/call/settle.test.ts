import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PriceBook } from '@fluxgate/contracts'
import type { Counts } from '../usage/reported.ts'
import { type Answered, settle, unreported } from './settle.ts'

const call = {
  reserved: 300,
  promptEstimate: 90,
  model: 'asked',
  admittedAtMs: 0,
  prices: new PriceBook({ models: { asked: { input: 1, output: 2 } } }),
}
const charged = (charge: 'generation' | 'prompt' | 'request') => ({ ...call, route: { charge } })

function answered(counts?: Counts, more: Partial<Answered> = {}): Answered {
  const reported = counts && { counts, models: undefined, vendor: 'v', raw: counts, unbalanced: false }
  return { status: 200, model: undefined, reported, pieces: 40, isError: false, ...more }
}

describe('a settlement', () => {
  it('is what the vendor reported, with its own object beside it', () => {
    const settled = settle(answered({ input: 10, cachedInput: 4, output: 5 }), call, undefined)
    assert.deepEqual(settled.usage, { input: 10, cachedInput: 4, output: 5 })
    assert.deepEqual([settled.total, settled.costMicros, settled.source], [15, 20, 'reported'])
    assert.equal(settled.raw, '{"input":10,"cachedInput":4,"output":5}')
  })

  it('counts what was not reported, and estimates what could not be counted', () => {
    assert.deepEqual(unreported(answered({ input: 10 }), call), { input: false, output: true })
    const counted = settle(answered({ input: 10 }), call, { prompt: 0, completion: 7 })
    assert.deepEqual([counted.usage, counted.source], [{ input: 10, output: 7 }, 'counted'])
    const estimated = settle(answered(), call, undefined)
    assert.deepEqual([estimated.usage, estimated.source], [{ input: 90, output: 40 }, 'estimated'])
  })

  it('has no output when the call generates nothing', () => {
    const rerank = charged('prompt')
    assert.deepEqual(unreported(answered(), rerank), { input: true, output: false })
    assert.equal(unreported(answered({ input: 260 }), rerank), undefined)
    assert.deepEqual(settle(answered({ input: 260 }), rerank, undefined).usage, { input: 260, output: 0 })
    const counted = settle(answered(), rerank, { prompt: 31, completion: 0 })
    assert.deepEqual([counted.usage, counted.source], [{ input: 31, output: 0 }, 'counted'])
  })

  it('is nothing when the call counts, moderates or lists, whatever its answer says', () => {
    const count = charged('request')
    assert.equal(unreported(answered(), count), undefined)
    for (const answer of [answered(), answered({ input: 5_005 })]) {
      const { total, costMicros } = settle(answer, count, undefined)
      assert.deepEqual([total, costMicros], [0, 0])
    }
  })

  it('is nothing when the answer is an error', () => {
    assert.equal(settle(answered({ input: 9, output: 9 }, { status: 500 }), call, undefined).total, 0)
    assert.equal(settle(undefined, call, undefined).total, 0)
  })
})
