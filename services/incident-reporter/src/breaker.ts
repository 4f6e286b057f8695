/** Leaves a failing model alone for a while, so that a backlog does not hammer it. Times are monotonic milliseconds. */
export class Breaker {
  readonly #failuresToRest: number
  readonly #restMs: number
  #failures = 0
  #restUntilMs = 0

  constructor(failuresToRest: number, restMs: number) {
    this.#failuresToRest = failuresToRest
    this.#restMs = restMs
  }

  /** Milliseconds to leave the model alone from now; 0 when it may be asked. */
  restMs(nowMs: number): number {
    return Math.max(0, this.#restUntilMs - nowMs)
  }

  succeeded(): void {
    this.#failures = 0
  }

  failed(nowMs: number): void {
    this.#failures++
    if (this.#failures >= this.#failuresToRest) this.#restUntilMs = nowMs + this.#restMs
  }
}
