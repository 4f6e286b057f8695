import { MINUTE_MS } from '@fluxgate/contracts'

/** A year: longer durations count as this in the sums. */
const MAX_DURATION_MS = 366 * 86_400_000

const NO_COUNTS = {
  admitted: 0,
  refused: 0,
  completed: 0,
  failed: 0,
  interrupted: 0,
  settled: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  cachedTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  reasoningTokens: 0,
  audioInputTokens: 0,
  audioOutputTokens: 0,
  images: 0,
  toolCalls: 0,
  costMicros: 0,
}

/** What the events of requests add, to a rollup or to the sums over all. */
export type Counts = typeof NO_COUNTS

/** What the sums over all requests gain. */
export type TotalsDelta = Counts & { repeated: number }

/** What a minute of one identity, model and upstream gains. */
export interface UsageDelta extends Counts {
  readonly minuteMs: number
  readonly user: string
  readonly key: string
  readonly model: string
  /** Empty for events before the upstream is chosen. */
  readonly upstream: string
  durationMsSum: number
  firstByteMsSum: number
  firstByteCount: number
  bytes: number
}

export function noTotals(): TotalsDelta {
  return { ...NO_COUNTS, repeated: 0 }
}

/** Collects deltas, one for each minute, identity, model and upstream. */
export class UsageDeltas {
  readonly #byPlace = new Map<string, UsageDelta>()

  at(timeMs: number, user: string, key: string, model: string, upstream: string): UsageDelta {
    const minuteMs = minuteOf(timeMs)
    const place = `${minuteMs} ${user} ${key} ${model}\0${upstream}`
    let delta = this.#byPlace.get(place)
    if (!delta) {
      const sums = { durationMsSum: 0, firstByteMsSum: 0, firstByteCount: 0, bytes: 0 }
      delta = { minuteMs, user, key, model, upstream, ...NO_COUNTS, ...sums }
      this.#byPlace.set(place, delta)
    }
    return delta
  }

  list(): UsageDelta[] {
    return [...this.#byPlace.values()]
  }
}

/** Start of the minute, epoch milliseconds. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS
}

/** Whole milliseconds: a sum of these does not depend on the order. */
export function wholeMs(durationMs: number): number {
  return Math.round(Math.min(durationMs, MAX_DURATION_MS))
}
