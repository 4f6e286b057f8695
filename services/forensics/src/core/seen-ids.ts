/** Remembers the newest ids, so many and no more. */
export class SeenIds {
  readonly #ids = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** True the first time. */
  isNew(id: string): boolean {
    if (this.#ids.has(id)) return false
    if (this.#ids.size >= this.#max) this.#ids.delete(this.#ids.keys().next().value!)
    this.#ids.add(id)
    return true
  }
}
