/**
 * What is under way just now: thousands come and go each second. A `Set` would do, but V8 chains each table that a `Set`
 * outgrows to the next one, and once a full collection has moved one of them out of the young generation, everything
 * that comes after stays alive until the next full collection (`infra/bench/findings.md`).
 */
export class SlotList<T> implements Iterable<T> {
  readonly #slots: Array<T | undefined> = []
  readonly #free: number[] = []

  get size(): number {
    return this.#slots.length - this.#free.length
  }

  /** @returns the slot, by which it is removed */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#slots.length
    this.#slots[slot] = item
    return slot
  }

  remove(slot: number): void {
    this.#slots[slot] = undefined
    this.#free.push(slot)
  }

  /** In no order. What is removed meanwhile does not come any more. */
  *[Symbol.iterator](): Iterator<T> {
    for (const item of this.#slots) if (item !== undefined) yield item
  }
}
