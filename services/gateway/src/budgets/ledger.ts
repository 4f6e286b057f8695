import { periodEnd, periodStart } from './period.ts'
import { type Scope, scopeText } from './scope.ts'
import type { Reading } from './seen-requests.ts'

/** Tokens, and millionths of a US dollar. */
export interface Amount {
  readonly tokens: number
  readonly micros: number
}

/** Used in a period: as the log tells it, and what was settled here and has not come back from the log yet. */
export interface Sum {
  tokens: number
  micros: number
  unseenTokens: number
  unseenMicros: number
}

/** How a holder stands in the running period. `held` is reserved by calls in flight at this node. */
export interface BudgetUse {
  readonly startMs: number
  readonly endMs: number
  readonly used: Amount
  readonly held: Amount
}

/** One period's sums: its start, and holder, tokens and micros of each that the log tells of. */
export type PeriodSums = readonly [startMs: number, sums: ReadonlyArray<readonly [string, number, number]>]

/** A period is kept for a while after its end: clocks are set back, and nodes read the log at their own pace. */
const RETAINED_AFTER_END_MS = 3_600_000
/** So many are forgotten at once: finding them takes a pass over all. */
const FORGOTTEN_SHARE = 0.1

/**
 * The sums of one scope: by period and holder what the log tells, and what is on its way there. `position` is the last
 * sequence of the log that is in the sums; what comes again is not added again.
 */
export class Ledger {
  readonly scope: Scope
  position = 0
  /** When the log stored the message at `position`, epoch milliseconds. */
  asOfMs = 0
  /** Who fills it; undefined while nobody does. */
  reading: Reading | undefined
  /** True when the sums have reached the end of the log once. */
  loaded = false
  /** False when the log no longer held the beginning of the period when it was summed: the sums are lower bounds. */
  complete = true
  /** Holders dropped for want of room. */
  forgotten = 0
  /** Until then (epoch milliseconds) nobody is let through on sums that are not loaded. */
  readonly waitUntilMs: number
  readonly #maxHolders: number
  readonly #periods = new Map<number, Map<string, Sum>>()
  readonly #inFlight = new Map<string, { tokens: number; micros: number; calls: number }>()
  #startMs = 0
  #endMs = 0

  constructor(scope: Scope, maxHolders: number, waitUntilMs: number) {
    this.scope = scope
    this.#maxHolders = maxHolders
    this.waitUntilMs = waitUntilMs
  }

  /** Adds what the log tells. @returns the holder's sum and its period, or undefined when that is over */
  add(
    holder: string,
    timeMs: number,
    amount: Amount,
    nowMs: number,
  ): { startMs: number; sum: Sum } | undefined {
    const startMs = periodStart(this.scope.period, timeMs)
    this.#turnTo(nowMs)
    if (this.#isOver(startMs, nowMs) || startMs > this.#endMs) return undefined
    const sum = this.#sum(startMs, holder)
    sum.tokens = plus(sum.tokens, amount.tokens)
    sum.micros = plus(sum.micros, amount.micros)
    return { startMs, sum }
  }

  reserve(holder: string, amount: Amount): void {
    const held = this.#inFlight.get(holder)
    if (!held) {
      this.#inFlight.set(holder, { ...amount, calls: 1 })
      return
    }
    held.tokens += amount.tokens
    held.micros += amount.micros
    held.calls++
  }

  release(holder: string, amount: Amount): void {
    const held = this.#inFlight.get(holder)
    if (!held) return
    held.tokens -= amount.tokens
    held.micros -= amount.micros
    if (--held.calls <= 0) this.#inFlight.delete(holder)
  }

  /** Counts what was settled here at `timeMs` until {@link seen} takes it out again. */
  expect(holder: string, timeMs: number, amount: Amount): void {
    const sum = this.#sum(periodStart(this.scope.period, timeMs), holder)
    sum.unseenTokens = plus(sum.unseenTokens, amount.tokens)
    sum.unseenMicros = plus(sum.unseenMicros, amount.micros)
  }

  seen(holder: string, timeMs: number, amount: Amount): void {
    const sum = this.#periods.get(periodStart(this.scope.period, timeMs))?.get(holder)
    if (!sum) return
    sum.unseenTokens = Math.max(0, sum.unseenTokens - amount.tokens)
    sum.unseenMicros = Math.max(0, sum.unseenMicros - amount.micros)
  }

  /** Forgets what was reserved and expected, to be told anew. */
  clearHolds(): void {
    this.#inFlight.clear()
    for (const sums of this.#periods.values()) {
      for (const sum of sums.values()) {
        sum.unseenTokens = 0
        sum.unseenMicros = 0
      }
    }
  }

  standing(holder: string, nowMs: number): BudgetUse {
    this.#turnTo(nowMs)
    const sum = this.#periods.get(this.#startMs)?.get(holder)
    const used = sum
      ? { tokens: plus(sum.tokens, sum.unseenTokens), micros: plus(sum.micros, sum.unseenMicros) }
      : NOTHING_USED
    const held = this.#inFlight.get(holder) ?? NOTHING_USED
    return { startMs: this.#startMs, endMs: this.#endMs, used, held }
  }

  /** Who has used or holds anything in the running period. */
  *holders(nowMs: number): Generator<string> {
    this.#turnTo(nowMs)
    const sums = this.#periods.get(this.#startMs)
    if (sums) yield* sums.keys()
    for (const holder of this.#inFlight.keys()) if (!sums?.has(holder)) yield holder
  }

  /** Drops the periods that are over. */
  forgetOver(nowMs: number): void {
    for (const startMs of this.#periods.keys()) {
      if (this.#isOver(startMs, nowMs)) this.#periods.delete(startMs)
    }
  }

  /** What the log has told, without what is on its way. */
  *told(): Generator<PeriodSums> {
    for (const [startMs, sums] of this.#periods) {
      const rows: Array<[string, number, number]> = []
      for (const [holder, { tokens, micros }] of sums) {
        if (tokens > 0 || micros > 0) rows.push([holder, tokens, micros])
      }
      yield [startMs, rows]
    }
  }

  /** Takes over what {@link told} gave when this ledger stood at `position`. */
  restore(position: number, asOfMs: number, periods: Iterable<PeriodSums>): void {
    this.position = position
    this.asOfMs = asOfMs
    for (const [startMs, rows] of periods) {
      for (const [holder, tokens, micros] of rows) {
        const sum = this.#sum(startMs, holder)
        sum.tokens = tokens
        sum.micros = micros
      }
    }
  }

  #turnTo(nowMs: number): void {
    if (nowMs >= this.#startMs && nowMs < this.#endMs) return
    this.#startMs = periodStart(this.scope.period, nowMs)
    this.#endMs = periodEnd(this.scope.period, this.#startMs)
  }

  #isOver(startMs: number, nowMs: number): boolean {
    return periodEnd(this.scope.period, startMs) + RETAINED_AFTER_END_MS <= nowMs
  }

  #sum(startMs: number, holder: string): Sum {
    let sums = this.#periods.get(startMs)
    if (!sums) {
      sums = new Map()
      this.#periods.set(startMs, sums)
    }
    let sum = sums.get(holder)
    if (!sum) {
      if (sums.size >= this.#maxHolders) this.forgotten += dropSmallest(sums)
      sum = { tokens: 0, micros: 0, unseenTokens: 0, unseenMicros: 0 }
      sums.set(holder, sum)
    }
    return sum
  }
}

const NOTHING_USED: Amount = Object.freeze({ tokens: 0, micros: 0 })

/** Sums stay whole numbers that can be told exactly, whatever is reported. */
function plus(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b)
}

/** Losing the sums of who has used least lets through the least. */
function dropSmallest(sums: Map<string, Sum>): number {
  const count = Math.max(1, Math.floor(sums.size * FORGOTTEN_SHARE))
  const seen = [...sums].filter(([, sum]) => sum.unseenTokens === 0 && sum.unseenMicros === 0)
  const smallest = seen.sort(([, a], [, b]) => a.tokens - b.tokens || a.micros - b.micros).slice(0, count)
  for (const [holder] of smallest) sums.delete(holder)
  return smallest.length
}

/** What is wrong with the sums, or undefined. */
export function faultOf(ledgers: readonly Ledger[]): string | undefined {
  const text = (some: readonly Ledger[]) => some.map(({ scope }) => scopeText(scope)).join(', ')
  const unread = ledgers.filter(ledger => !ledger.loaded)
  if (unread.length > 0) return `the log is being read for ${text(unread)}`
  const low = ledgers.filter(({ complete, forgotten }) => !complete || forgotten > 0)
  return low.length > 0 ? `the sums of ${text(low)} are lower bounds` : undefined
}
