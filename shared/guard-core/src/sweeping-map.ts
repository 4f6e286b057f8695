/** A map that forgets: a few keys are looked at whenever it is used, and the idle ones go. */
export class SweepingMap<M> {
  readonly #byKey = new Map<string, M>()
  readonly #maxKeys: number
  #sweep: MapIterator<[string, M]>

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
    this.#sweep = this.#byKey.entries()
  }

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): M | undefined {
    return this.#byKey.size === 0 ? undefined : this.#byKey.get(key)
  }

  /** Beyond the limit the key that is longest known is forgotten. */
  set(key: string, memory: M): void {
    this.#byKey.set(key, memory)
    if (this.#byKey.size > this.#maxKeys) this.#byKey.delete(this.#byKey.keys().next().value!)
  }

  delete(key: string): void {
    this.#byKey.delete(key)
  }

  /** The next key to look at for idleness, undefined at the end of each round; all of them have their turn in time. */
  next(): [string, M] | undefined {
    if (this.#byKey.size === 0) return undefined
    const next = this.#sweep.next()
    if (!next.done) return next.value
    this.#sweep = this.#byKey.entries()
    return undefined
  }
}
