import type { Budget } from '@fluxgate/contracts'

export type Period = Budget['period']

const DAY_MS = 86_400_000
const WEEK_MS = 7 * DAY_MS
/** The first day of the epoch was a Thursday; weeks begin on Monday (ISO 8601). */
const EPOCH_WEEKDAY = 3

/** Beginning of the period that an instant lies in, epoch milliseconds. Periods are UTC, so no day is longer than another. */
export function periodStart(period: Period, epochMs: number): number {
  const day = Math.floor(epochMs / DAY_MS)
  if (period === 'day') return day * DAY_MS
  if (period === 'week') return (day - ((day + EPOCH_WEEKDAY) % 7)) * DAY_MS
  const date = new Date(epochMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}

/** Beginning of the next period. @param startMs as {@link periodStart} gives it */
export function periodEnd(period: Period, startMs: number): number {
  if (period === 'day') return startMs + DAY_MS
  if (period === 'week') return startMs + WEEK_MS
  const date = new Date(startMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
}
