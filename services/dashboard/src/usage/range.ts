import { DAY_MS, HOUR_MS, MINUTE_MS } from '@fluxgate/contracts'
import type { RangeName, Span } from './answers.ts'

export interface RangeSpec {
  readonly spanMs: number
  readonly bucket: 'minute' | 'hour' | 'day'
}

export const BUCKET_MS = Object.freeze({ minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS })

export const RANGES: Readonly<Record<RangeName, RangeSpec>> = Object.freeze({
  '5m': { spanMs: 5 * MINUTE_MS, bucket: 'minute' },
  '1h': { spanMs: HOUR_MS, bucket: 'minute' },
  '24h': { spanMs: DAY_MS, bucket: 'hour' },
  '7d': { spanMs: 7 * DAY_MS, bucket: 'hour' },
  '30d': { spanMs: 30 * DAY_MS, bucket: 'day' },
})

export const RANGE_NAMES = Object.keys(RANGES) as readonly RangeName[]

/** Query of the routes that take a range. */
export const rangeQuery = {
  type: 'object',
  properties: { range: { enum: RANGE_NAMES, default: '1h' } },
}

/** The range that ends with the minute that has begun, and the one of the same length before it. */
export function spanOf(name: RangeName, nowMs: number): { now: Span; before: Span } {
  const { spanMs } = RANGES[name]
  const to = (Math.floor(nowMs / MINUTE_MS) + 1) * MINUTE_MS
  return { now: { from: to - spanMs, to }, before: { from: to - 2 * spanMs, to: to - spanMs } }
}

/** Starts of the buckets that a range touches, in UTC as the rollups count them. */
export function bucketsOf({ from, to }: Span, bucket: RangeSpec['bucket']): number[] {
  const stepMs = BUCKET_MS[bucket]
  const starts: number[] = []
  for (let at = Math.floor(from / stepMs) * stepMs; at < to; at += stepMs) starts.push(at)
  return starts
}
