import { type CrossedFact, type CrossingName, crossedFact, crossingName, crossingText } from './crossing.ts'
import { periodEnd } from './period.ts'
import type { Level, Reached } from './rule.ts'
import type { Payer } from './scope.ts'

/** Which crossings are told: each once, by whichever node finds it first. */
export class Crossings {
  readonly #max: number
  /** Those that stand in the log, are on their way there, or wait in {@link #untold} → end of their period. */
  readonly #told = new Map<string, number>()
  /** Found while the log is read: one of them may come later in it, told by another. */
  readonly #unreported = new Map<string, CrossedFact>()

  /** @param max remembered at once; one that is forgotten may be told again, under the same id */
  constructor(max: number) {
    this.#max = max
  }

  get unreported(): number {
    return this.#unreported.size
  }

  /** @returns whether it is new */
  find(reached: Reached, level: Level, payer: Payer, request: string): boolean {
    const text = crossingText(crossingName(reached, level))
    if (this.#told.has(text)) return false
    this.#remember(text, reached.standing.endMs)
    this.#unreported.set(text, crossedFact(reached, level, payer, request))
    return true
  }

  /** Those that the log does not tell as far as it was read, each given once. */
  takeUnreported(): readonly CrossedFact[] {
    if (this.#unreported.size === 0) return NONE
    const facts = [...this.#unreported.values()]
    this.#unreported.clear()
    return facts
  }

  /** A crossing stands in the log. */
  markReported(name: CrossingName): void {
    const text = crossingText(name)
    this.#unreported.delete(text)
    this.#remember(text, periodEnd(name.period, name.periodStart))
  }

  /** What {@link markTold} was given, or {@link takeUntold} gave, with the end of its period. */
  *told(): Generator<readonly [text: string, endMs: number]> {
    for (const crossing of this.#told) if (!this.#unreported.has(crossing[0])) yield crossing
  }

  /** Takes over what {@link told} gave. */
  restore(crossings: Iterable<readonly [text: string, endMs: number]>): void {
    for (const [text, endMs] of crossings) this.#remember(text, endMs)
  }

  /** Drops those of periods that are over. */
  forgetOver(nowMs: number): void {
    for (const [text, endMs] of this.#told) if (endMs <= nowMs) this.#told.delete(text)
  }

  #remember(text: string, endMs: number): void {
    if (this.#told.size >= this.#max && !this.#told.has(text)) {
      for (const [oldest] of this.#told) {
        this.#told.delete(oldest)
        this.#unreported.delete(oldest)
        break
      }
    }
    this.#told.set(text, endMs)
  }
}

const NONE: readonly CrossedFact[] = Object.freeze([])
