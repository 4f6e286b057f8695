import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ANONYMOUS, OTHER_ADDRESSES } from '@fluxgate/contracts'
import {
  REFUSAL_REPORT_LIMITS,
  type RefusalReport,
  RefusalReports,
  type RefusedRequest,
} from './refusal-reports.ts'

function refusedBy(user: string, key: string, more: Partial<RefusedRequest> = {}): RefusedRequest {
  return {
    request: 'req_00000001',
    user,
    key,
    method: 'POST',
    path: '/v1/chat/completions',
    model: '',
    address: '192.0.2.1',
    reason: 'unauthenticated',
    status: 401,
    ...more,
  }
}

function startReports(limits = REFUSAL_REPORT_LIMITS) {
  const reported: RefusalReport[] = []
  const reports = new RefusalReports(report => reported.push(report), limits)
  const add = (refused: RefusedRequest, nowMs: number, mayReport = true) =>
    reports.add(refused, refused.user === ANONYMOUS ? 'unknown' : undefined, undefined, nowMs, mayReport)
  return { reported, reports, add, counts: () => reported.map(({ count }) => count) }
}

describe('refusal reports', () => {
  it('report the first refusal at once and the rest as one count when one address sends 12,000', () => {
    const { reported, reports, add } = startReports()
    assert.equal(add(refusedBy(ANONYMOUS, 'a'), 0), true)
    for (let i = 1; i < 12_000; i++) {
      assert.equal(add(refusedBy(ANONYMOUS, 'a'), i / 12), false)
      if (i % 3_000 === 0) reports.flush(i / 12)
    }
    reports.flush(1_000)
    assert.deepEqual(
      reported.map(({ count, windowMs }) => [count, windowMs]),
      [
        [1, 0],
        [11_999, 1_000],
      ],
    )
  })

  it('report less and less often while a flood goes on, and at once again after a pause', () => {
    const { reported, reports, add } = startReports()
    for (let atMs = 0; atMs <= 60_000; atMs += 50) {
      add(refusedBy(ANONYMOUS, 'a'), atMs)
      if (atMs % 250 === 0) reports.flush(atMs)
    }
    assert.ok(reported.length <= 11, `${reported.length} reports in a minute`)
    assert.equal(reported.reduce((sum, { count }) => sum + count, 0) > 1_000, true)
    const before = reported.length
    reports.flush(80_000)
    reports.flush(100_000)
    assert.deepEqual(reports.sizes, { strangers: 0, known: 0 })
    assert.equal(add(refusedBy(ANONYMOUS, 'a'), 100_001), true)
    assert.ok(reported.length > before)
  })

  it('hold to a number of reports a second when refusals come from 5,000 addresses, and lose no count', () => {
    const { counts, reports, add } = startReports()
    for (let i = 0; i < 5_000; i++) add(refusedBy(ANONYMOUS, `a${i}`), 0)
    assert.equal(counts().length, REFUSAL_REPORT_LIMITS.strangersPerSecond)
    for (let atMs = 250; atMs <= 60_000; atMs += 250) reports.flush(atMs)
    assert.equal(
      counts().reduce((sum, count) => sum + count, 0),
      5_000,
    )
  })

  it('count addresses beyond the limit together', () => {
    const { reported, reports, add } = startReports({ ...REFUSAL_REPORT_LIMITS, maxStrangers: 3 })
    for (let i = 0; i < 10; i++) add(refusedBy(ANONYMOUS, `a${i}`), 0)
    assert.equal(reports.sizes.strangers, 4)
    reports.flushAll(0)
    const others = reported.filter(({ refused }) => refused.address === OTHER_ADDRESSES)
    assert.equal(
      others.reduce((sum, { count }) => sum + count, 0),
      7,
    )
    assert.ok(others.every(({ refused }) => refused.key === 'others'))
  })

  it('tell the models of a known identity apart, up to a limit', () => {
    const { reported, reports, add } = startReports()
    for (let i = 0; i < 100; i++)
      add(refusedBy('ada', 'k1', { reason: 'not_found', status: 404, model: `model-${i}` }), 0)
    assert.equal(reported.length, REFUSAL_REPORT_LIMITS.maxKindsOfOne + 1)
    reports.flushAll(0)
    assert.equal(
      reported.reduce((sum, { count }) => sum + count, 0),
      100,
    )
  })

  it('report the oldest kind of known identities early when there are too many, and lose no count', () => {
    const { reported, reports, add } = startReports({ ...REFUSAL_REPORT_LIMITS, maxKnown: 10 })
    for (let i = 0; i < 1_000; i++) {
      for (let n = 0; n < 3; n++) add(refusedBy(`u${i}`, 'k', { reason: 'rate_limited', status: 429 }), 0)
    }
    assert.equal(reports.sizes.known, 10)
    reports.flushAll(0)
    assert.equal(
      reported.reduce((sum, { count }) => sum + count, 0),
      3_000,
    )
  })

  it('count and keep quiet while the log can take nothing', () => {
    const { counts, reports, add } = startReports()
    for (let i = 0; i < 5; i++) assert.equal(add(refusedBy('ada', 'k1'), 0, false), false)
    assert.deepEqual(counts(), [])
    reports.flush(1)
    assert.deepEqual(counts(), [5])
  })
})
