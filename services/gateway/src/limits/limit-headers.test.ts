import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Account } from './account.ts'
import { durationText, limitHeaders } from './limit-headers.ts'

const TIER = { capacity: 5_000, refillRate: 100, requestsPerMinute: 600 }
const EPOCH_MS = Date.parse('2026-03-01T12:00:00.500Z')

function spent(tokens: number, requests: number, tier: object = {}): Account {
  const account = new Account('u.k', 'free', { ...TIER, ...tier }, 1, 0)
  account.debit(tokens, requests, 0)
  return account
}

describe('the headers of limits', () => {
  it('are those of OpenAI', () => {
    assert.deepEqual(limitHeaders(spent(120, 3), undefined, 'openai', 0, EPOCH_MS), {
      'x-ratelimit-limit-tokens': '5000',
      'x-ratelimit-remaining-tokens': '4880',
      'x-ratelimit-reset-tokens': '1.2s',
      'x-ratelimit-limit-requests': '600',
      'x-ratelimit-remaining-requests': '597',
      'x-ratelimit-reset-requests': '0.3s',
    })
  })

  it('are those of Anthropic besides, for its clients', () => {
    const headers = limitHeaders(spent(5_000, 600), undefined, 'anthropic', 0, EPOCH_MS)
    assert.equal(headers['x-ratelimit-remaining-tokens'], '0')
    assert.deepEqual(
      Object.entries(headers).filter(([name]) => name.startsWith('anthropic-')),
      [
        ['anthropic-ratelimit-tokens-limit', '5000'],
        ['anthropic-ratelimit-tokens-remaining', '0'],
        ['anthropic-ratelimit-tokens-reset', '2026-03-01T12:00:51Z'],
        ['anthropic-ratelimit-requests-limit', '600'],
        ['anthropic-ratelimit-requests-remaining', '0'],
        ['anthropic-ratelimit-requests-reset', '2026-03-01T12:01:01Z'],
      ],
    )
  })

  it('say nothing of what is not limited or never comes back, and tell no debt', () => {
    const account = spent(6_000, 1, { refillRate: 0, requestsPerMinute: undefined })
    assert.deepEqual(limitHeaders(account, undefined, 'openai', 0, EPOCH_MS), {
      'x-ratelimit-limit-tokens': '5000',
      'x-ratelimit-remaining-tokens': '0',
    })
    const ages = limitHeaders(spent(5_000, 0, { refillRate: 1e-30 }), undefined, 'anthropic', 0, EPOCH_MS)
    assert.equal(ages['x-ratelimit-reset-tokens'], undefined)
    assert.equal(ages['anthropic-ratelimit-tokens-reset'], undefined)
  })

  it('round durations up to a tenth of a second', () => {
    const texts = [0, 1, 100, 1_150, 59_901, 60_000, 90_500, 360_000, 3_600_000, 7_325_400].map(durationText)
    assert.deepEqual(texts, [
      ...['0s', '0.1s', '0.1s', '1.2s', '1m0s', '1m0s', '1m30.5s', '6m0s', '1h0m0s', '2h2m5.4s'],
    ])
  })
})
