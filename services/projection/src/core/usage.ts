const MINUTE_MS = 60_000
/** A year: longer durations count as this in the sums. */
const MAX_DURATION_MS = 366 * 86_400_000

/** What a minute of one identity, model and upstream gains. */
export interface UsageDelta {
  readonly minuteMs: number
  readonly user: string
  readonly key: string
  readonly model: string
  /** Empty for facts before the upstream is chosen. */
  readonly upstream: string
  admitted: number
  refused: number
  completed: number
  failed: number
  interrupted: number
  settled: number
  promptTokens: number
  completionTokens: number
  totalTokens: number
  durationMsSum: number
  firstByteMsSum: number
  firstByteCount: number
  bytes: number
}

/** What the sums over all requests gain. */
export interface TotalsDelta {
  admitted: number
  refused: number
  completed: number
  failed: number
  interrupted: number
  settled: number
  promptTokens: number
  completionTokens: number
  totalTokens: number
  repeated: number
}

export function noTotals(): TotalsDelta {
  return {
    admitted: 0,
    refused: 0,
    completed: 0,
    failed: 0,
    interrupted: 0,
    settled: 0,
    promptTokens: 0,
    completionTokens: 0,
    totalTokens: 0,
    repeated: 0,
  }
}

/** Collects deltas, one for each minute, identity, model and upstream. */
export class UsageDeltas {
  readonly #byPlace = new Map<string, UsageDelta>()

  at(timeMs: number, user: string, key: string, model: string, upstream: string): UsageDelta {
    const minuteMs = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS
    const place = `${minuteMs} ${user} ${key} ${model}\0${upstream}`
    let delta = this.#byPlace.get(place)
    if (!delta) {
      delta = {
        minuteMs,
        user,
        key,
        model,
        upstream,
        admitted: 0,
        refused: 0,
        completed: 0,
        failed: 0,
        interrupted: 0,
        settled: 0,
        promptTokens: 0,
        completionTokens: 0,
        totalTokens: 0,
        durationMsSum: 0,
        firstByteMsSum: 0,
        firstByteCount: 0,
        bytes: 0,
      }
      this.#byPlace.set(place, delta)
    }
    return delta
  }

  list(): UsageDelta[] {
    return [...this.#byPlace.values()]
  }
}

/** Whole milliseconds: a sum of these does not depend on the order. */
export function wholeMs(durationMs: number): number {
  return Math.round(Math.min(durationMs, MAX_DURATION_MS))
}
