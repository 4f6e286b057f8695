import type { Tick } from '../../../src/live/answers.ts'

/** Folds of ticks for the page: what it draws and the figures it shows. */

const SECOND_MS = 1_000

/** Later tellings of a second replace earlier ones. Sorted; those older than `keepMs` before the newest are dropped. */
export function mergeTicks(known: readonly Tick[], news: readonly Tick[], retainedMs: number): Tick[] {
  const first = news[0]
  const last = known[known.length - 1]
  if (!first) return [...known]
  const appended = !last || first.at > last.at
  const merged = appended ? [...known, ...news] : bySecond(known, news)
  const oldest = merged[merged.length - 1]!.at - retainedMs
  const start = merged.findIndex(tick => tick.at > oldest)
  return start === 0 ? merged : merged.slice(start)
}

function bySecond(known: readonly Tick[], news: readonly Tick[]): Tick[] {
  const seconds = new Map(known.map(tick => [tick.at, tick]))
  for (const tick of news) seconds.set(tick.at, tick)
  return [...seconds.values()].sort((a, b) => a.at - b.at)
}

/** Figures over some seconds. Rates are per second, shares from 0 to 1, null where there is nothing to have a share of. */
export interface Rates {
  readonly requests: number
  readonly tokens: number
  readonly refusedShare: number | null
  /** Of the requests that ended: upstream failures. Interrupted ones are the client's or an operator's doing. */
  readonly failedShare: number | null
}

/** Over the `seconds` that end with the newest tick. */
export function ratesOver(ticks: readonly Tick[], seconds: number): Rates {
  const newest = ticks[ticks.length - 1]
  if (!newest) return { requests: 0, tokens: 0, refusedShare: null, failedShare: null }
  const from = newest.at - seconds * SECOND_MS
  let [admitted, refused, failed, ended, tokens, counted] = [0, 0, 0, 0, 0, 0]
  for (let i = ticks.length - 1; i >= 0 && ticks[i]!.at > from; i--) {
    const tick = ticks[i]!
    admitted += tick.admitted
    refused += tick.refused
    failed += tick.failed
    ended += tick.completed + tick.failed + tick.interrupted
    tokens += tick.tokens
    counted++
  }
  const decided = admitted + refused
  return {
    requests: decided / counted,
    tokens: tokens / counted,
    refusedShare: decided === 0 ? null : refused / decided,
    failedShare: ended === 0 ? null : failed / ended,
  }
}

/** The busiest second. */
export function peakOf(ticks: readonly Tick[], figure: (tick: Tick) => number): number {
  let peak = 0
  for (const tick of ticks) peak = Math.max(peak, figure(tick))
  return peak
}

/** One column per second of the last `seconds`; null in seconds that nobody has told of. */
export function columnsOf(
  ticks: readonly Tick[],
  seconds: number,
  figures: ReadonlyArray<(tick: Tick) => number>,
): { times: number[]; columns: Array<Array<number | null>> } {
  const newest = ticks[ticks.length - 1]?.at ?? 0
  const known = new Map(ticks.map(tick => [tick.at, tick]))
  const times: number[] = []
  const columns: Array<Array<number | null>> = figures.map(() => [])
  for (let at = newest - (seconds - 1) * SECOND_MS; at <= newest; at += SECOND_MS) {
    const tick = known.get(at)
    times.push(at / SECOND_MS)
    for (const [i, figure] of figures.entries()) columns[i]!.push(tick ? figure(tick) : null)
  }
  return { times, columns }
}
