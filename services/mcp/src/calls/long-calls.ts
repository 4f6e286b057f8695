export interface LongCallLimits {
  /** Calls that read much of the log, beside each other: of one session (without one: of one caller), and of all. */
  readonly maxLongCallsOfSession: number
  readonly maxLongCalls: number
}

/** Counts the long calls that run. */
export class LongCalls {
  readonly #limits: LongCallLimits
  readonly #running = new Map<string, number>()
  #all = 0

  constructor(limits: LongCallLimits) {
    this.#limits = limits
  }

  /** Each `ok` is followed by one {@link end}. */
  begin(session: string): 'ok' | 'session' | 'all' {
    const own = this.#running.get(session) ?? 0
    if (own >= this.#limits.maxLongCallsOfSession) return 'session'
    if (this.#all >= this.#limits.maxLongCalls) return 'all'
    this.#running.set(session, own + 1)
    this.#all++
    return 'ok'
  }

  end(session: string): void {
    const left = (this.#running.get(session) ?? 1) - 1
    if (left === 0) this.#running.delete(session)
    else this.#running.set(session, left)
    this.#all--
  }
}
