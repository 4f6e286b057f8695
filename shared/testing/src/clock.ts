/** A clock that stands still until a test moves it. Its functions may be passed on unbound. */
export class TestClock {
  #nowMs: number

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs
  }

  /** Epoch milliseconds. */
  readonly nowMs = (): number => this.#nowMs

  readonly advance = (ms: number): void => {
    this.#nowMs += ms
  }
}
