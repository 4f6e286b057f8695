/** Lets a few run at once and some wait; who finds the line full is told so instead of waiting. */
export class Turns {
  readonly #maxRunning: number
  readonly #maxWaiting: number
  #running = 0
  readonly #waiting: Array<() => void> = []

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxRunning = maxRunning
    this.#maxWaiting = maxWaiting
  }

  async take<T>(work: () => Promise<T>): Promise<T | 'busy'> {
    if (this.#running < this.#maxRunning) this.#running++
    else if (this.#waiting.length >= this.#maxWaiting) return 'busy'
    // Who is called from the line takes over the place of who called.
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
