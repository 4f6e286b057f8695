import type { Priority } from './passwords.ts'

export interface TurnLimits {
  readonly maxRunning: number
  /** Of `maxRunning`, what strangers may have at once. */
  readonly maxStrangers: number
  readonly maxWaitingKnown: number
  readonly maxWaitingStrangers: number
  /** Of those, what one source (an address) may have. */
  readonly maxWaitingPerSource: number
}

interface Waiting {
  readonly start: () => void
  readonly source: string
}

/**
 * Lets a few run at once and some wait; who finds the line full is refused instead of waiting. The known have a line and
 * a slot that strangers cannot take, and go first.
 */
export class Turns {
  readonly #limits: TurnLimits
  #running = 0
  #strangersRunning = 0
  readonly #known: Waiting[] = []
  readonly #strangers: Waiting[] = []
  readonly #waitingOf = new Map<string, number>()

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /** @param source what strangers are counted by, such as an address */
  async take<T>(priority: Priority, source: string, work: () => Promise<T>): Promise<T | 'busy'> {
    const isStranger = priority === 'stranger'
    if (this.#hasSlot(isStranger)) this.#begin(isStranger)
    else if (!this.#isQueued(isStranger, source)) return 'busy'
    else await this.#wait(isStranger, source)
    try {
      return await work()
    } finally {
      this.#running--
      if (isStranger) this.#strangersRunning--
      this.#next()
    }
  }

  #hasSlot(isStranger: boolean): boolean {
    if (this.#running >= this.#limits.maxRunning) return false
    return !isStranger || this.#strangersRunning < this.#limits.maxStrangers
  }

  #isQueued(isStranger: boolean, source: string): boolean {
    const { maxWaitingKnown, maxWaitingStrangers, maxWaitingPerSource } = this.#limits
    if (!isStranger) return this.#known.length < maxWaitingKnown
    if (this.#strangers.length >= maxWaitingStrangers) return false
    return (this.#waitingOf.get(source) ?? 0) < maxWaitingPerSource
  }

  #begin(isStranger: boolean): void {
    this.#running++
    if (isStranger) this.#strangersRunning++
  }

  /** Resolves with the slot taken. */
  #wait(isStranger: boolean, source: string): Promise<void> {
    if (isStranger) this.#waitingOf.set(source, (this.#waitingOf.get(source) ?? 0) + 1)
    return new Promise(start => (isStranger ? this.#strangers : this.#known).push({ start, source }))
  }

  #next(): void {
    while (this.#known.length > 0 && this.#hasSlot(false)) {
      this.#begin(false)
      this.#known.shift()!.start()
    }
    while (this.#strangers.length > 0 && this.#hasSlot(true)) {
      const { start, source } = this.#strangers.shift()!
      const left = this.#waitingOf.get(source)! - 1
      if (left === 0) this.#waitingOf.delete(source)
      else this.#waitingOf.set(source, left)
      this.#begin(true)
      start()
    }
  }
}
