/** A map of at most `max` entries: beyond that the one that was added first is dropped. To be used where a stranger fills it. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number

  constructor(max: number) {
    super()
    this.#max = max
  }

  override set(key: K, value: V): this {
    super.set(key, value)
    if (this.size > this.#max) this.delete(this.keys().next().value!)
    return this
  }

  /** As `set`, and the entry counts as added just now. */
  renew(key: K, value: V): void {
    this.delete(key)
    this.set(key, value)
  }
}
