const FLUSH_EVERY_MS = 5_000
const MAX_KEYS = 100_000

export interface LastUse {
  readonly keyId: string
  /** Epoch milliseconds. */
  readonly usedAt: number
}

/** When keys were last used, gathered and stored every few seconds: coarse, so that a call costs no write. */
export class LastUses implements AsyncDisposable {
  readonly #store: (batch: readonly LastUse[]) => Promise<void>
  readonly #epochMs: () => number
  readonly #log: { warn(fields: object, message: string): void }
  readonly #timer: NodeJS.Timeout
  #uses = new Map<string, number>()
  #storing: Promise<void> | undefined

  constructor(
    store: (batch: readonly LastUse[]) => Promise<void>,
    epochMs: () => number,
    log: { warn(fields: object, message: string): void },
    everyMs = FLUSH_EVERY_MS,
  ) {
    this.#store = store
    this.#epochMs = epochMs
    this.#log = log
    this.#timer = setInterval(() => void this.flush(), everyMs)
    this.#timer.unref()
  }

  note(keyId: string): void {
    if (this.#uses.size < MAX_KEYS || this.#uses.has(keyId)) this.#uses.set(keyId, this.#epochMs())
  }

  /** Stores what was noted; one batch at a time. What cannot be stored waits for the next time. */
  flush(): Promise<void> {
    this.#storing ??= this.#flush().finally(() => {
      this.#storing = undefined
    })
    return this.#storing
  }

  async #flush(): Promise<void> {
    if (this.#uses.size === 0) return
    const taken = this.#uses
    this.#uses = new Map()
    try {
      await this.#store([...taken].map(([keyId, usedAt]) => ({ keyId, usedAt })))
    } catch (error) {
      this.#log.warn({ err: error, keys: taken.size }, 'last uses of keys not stored')
      for (const [keyId, usedAt] of this.#uses) taken.set(keyId, usedAt)
      this.#uses = taken
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#storing
    await this.flush()
  }
}
