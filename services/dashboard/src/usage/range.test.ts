import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bucketsOf, RANGE_NAMES, RANGES, spanOf } from './range.ts'

const NOW = Date.UTC(2026, 10, 23, 15, 41, 25)

it('spanOf returns two adjacent ranges of equal length, including the current minute', () => {
  for (const name of RANGE_NAMES) {
    const { now, before } = spanOf(name, NOW)
    assert.equal(now.to - now.from, RANGES[name].spanMs)
    assert.equal(before.to - before.from, RANGES[name].spanMs)
    assert.equal(before.to, now.from)
    assert.ok(now.to > NOW && now.to - NOW <= 60_000)
  }
})

it('bucketsOf returns whole UTC buckets from the start of the range', () => {
  const day = spanOf('24h', NOW).now
  const hours = bucketsOf(day, 'hour')
  assert.equal(hours.length, 25, '24 hours that begin at 42 minutes past touch 25')
  assert.equal(hours[0], Date.UTC(2026, 10, 22, 15))
  assert.equal(hours.at(-1), Date.UTC(2026, 10, 23, 15))
  assert.equal(bucketsOf(spanOf('1h', NOW).now, 'minute').length, 60)
  assert.equal(bucketsOf(spanOf('30d', NOW).now, 'day').length, 31)
})
