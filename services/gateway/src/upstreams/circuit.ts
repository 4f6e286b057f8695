import type { CircuitPolicy } from './routing-policy.ts'

export type CircuitState = 'closed' | 'open' | 'half_open'

/** `away`: it could not be reached or would not work. `error`: it answered, with a fault of its own. */
export type FailureKind = 'away' | 'error'

const JITTER = 0.2

/**
 * Whether an upstream is used. Closed until it fails several times in a row or too often in the window; then open for
 * a time that doubles with each failed probe; then half open, with one call let through as a probe, whose end decides.
 * Times are monotonic milliseconds.
 */
export class Circuit {
  readonly #policy: CircuitPolicy
  #inARow = 0
  #openings = 0
  /** 0 when closed. */
  #openUntilMs = 0
  #probing = false
  /** Answers of this half of the window and of the one before. */
  #halfStartMs = 0
  #total = 0
  #failed = 0
  #totalBefore = 0
  #failedBefore = 0

  constructor(policy: CircuitPolicy) {
    this.#policy = policy
  }

  state(nowMs: number): CircuitState {
    if (this.#openUntilMs === 0) return 'closed'
    return nowMs < this.#openUntilMs ? 'open' : 'half_open'
  }

  /** Whether a call may go out now. */
  allows(nowMs: number): boolean {
    return this.#openUntilMs === 0 || (nowMs >= this.#openUntilMs && !this.#probing)
  }

  /** Milliseconds until a probe is let through; 0 when it is closed or half open. */
  opensInMs(nowMs: number): number {
    return Math.max(0, this.#openUntilMs - nowMs)
  }

  /** A call goes out. @returns whether it is the probe */
  started(): boolean {
    if (this.#openUntilMs === 0) return false
    this.#probing = true
    return true
  }

  succeeded(isProbe: boolean, nowMs: number): void {
    if (isProbe) {
      this.#probing = false
      this.#openUntilMs = 0
      this.#openings = 0
      this.#clear(nowMs)
    }
    // What was sent before it opened says nothing of now.
    if (this.#openUntilMs !== 0) return
    this.#inARow = 0
    this.#count(nowMs, 0)
  }

  /**
   * @param random gives numbers from 0 up to 1
   * @param inShare false: it counts in a row alone, and not for the share of failures in the window
   */
  failed(
    kind: FailureKind,
    isProbe: boolean,
    nowMs: number,
    random: () => number,
    inShare: boolean = true,
  ): void {
    if (isProbe) {
      this.#probing = false
      this.#open(nowMs, random)
      return
    }
    if (this.#openUntilMs !== 0) return
    if (inShare) this.#count(nowMs, 1)
    // A fault in an answer can be the caller's doing: only its share counts, so that one caller cannot open a circuit.
    if (kind === 'away') this.#inARow++
    const { failures, failureRatio, minRequests } = this.#policy
    const total = this.#total + this.#totalBefore
    const tooOften = total >= minRequests && (this.#failed + this.#failedBefore) / total >= failureRatio
    if (this.#inARow >= failures || tooOften) this.#open(nowMs, random)
  }

  /** The call ended without saying anything of the upstream: its client left. */
  abandoned(isProbe: boolean): void {
    if (isProbe) this.#probing = false
  }

  #open(nowMs: number, random: () => number): void {
    const { openMs, maxOpenMs } = this.#policy
    const lengthMs = Math.min(maxOpenMs, openMs * 2 ** Math.min(this.#openings, 30))
    this.#openings++
    this.#openUntilMs = nowMs + lengthMs * (1 - JITTER * random())
    this.#inARow = 0
  }

  #count(nowMs: number, failed: 0 | 1): void {
    const half = this.#policy.windowMs / 2
    if (nowMs - this.#halfStartMs >= half) {
      const isNext = nowMs - this.#halfStartMs < 2 * half
      this.#totalBefore = isNext ? this.#total : 0
      this.#failedBefore = isNext ? this.#failed : 0
      this.#total = 0
      this.#failed = 0
      this.#halfStartMs = nowMs
    }
    this.#total++
    this.#failed += failed
  }

  #clear(nowMs: number): void {
    this.#inARow = 0
    this.#total = 0
    this.#failed = 0
    this.#totalBefore = 0
    this.#failedBefore = 0
    this.#halfStartMs = nowMs
  }
}
