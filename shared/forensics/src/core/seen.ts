/**
 * Remembers the newest texts, at least `max` and at most twice as many: the older half goes when the newer is full, so
 * that a look at a log of any length takes bounded memory.
 */
export class Seen {
  #older: ReadonlySet<string> = new Set()
  #newer = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  has(text: string): boolean {
    return this.#newer.has(text) || this.#older.has(text)
  }

  add(text: string): void {
    if (this.#newer.size >= this.#max) {
      this.#older = this.#newer
      this.#newer = new Set()
    }
    this.#newer.add(text)
  }

  /** True the first time. */
  isNew(text: string): boolean {
    if (this.has(text)) return false
    this.add(text)
    return true
  }
}
