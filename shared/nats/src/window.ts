const FIRST_SIZE = 1_024

/**
 * Items under consecutive numbers, most of which leave in about the order in which they came. A `Map` would do, but V8
 * chains each table that a `Map` outgrows to the next one, and once a full collection has moved one of them out of the
 * young generation, everything that comes after stays alive until the next full collection (`infra/bench/findings.md`).
 */
export class Window<T> implements Iterable<T> {
  /** A ring, whose length is a power of two. */
  #ring: Array<T | undefined> = new Array(FIRST_SIZE).fill(undefined)
  /** No item has a lower number. */
  #from = 0
  #next = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** @returns the item's number */
  push(item: T): number {
    if (this.#next - this.#from === this.#ring.length) this.#grow()
    this.#ring[this.#next & (this.#ring.length - 1)] = item
    this.#size++
    return this.#next++
  }

  get(number: number): T | undefined {
    return number >= this.#from && number < this.#next
      ? this.#ring[number & (this.#ring.length - 1)]
      : undefined
  }

  delete(number: number): void {
    if (this.get(number) === undefined) return
    const mask = this.#ring.length - 1
    this.#ring[number & mask] = undefined
    this.#size--
    while (this.#from < this.#next && this.#ring[this.#from & mask] === undefined) this.#from++
  }

  clear(): void {
    this.#ring.fill(undefined)
    this.#from = this.#next
    this.#size = 0
  }

  /** In the order in which they came, but for what comes or leaves meanwhile. */
  *entries(): Generator<[number: number, item: T]> {
    const end = this.#next
    for (let number = this.#from; number < end; number++) {
      const item = this.get(number)
      if (item !== undefined) yield [number, item]
    }
  }

  *[Symbol.iterator](): Generator<T> {
    for (const [, item] of this.entries()) yield item
  }

  #grow(): void {
    const ring: Array<T | undefined> = new Array(this.#ring.length * 2).fill(undefined)
    for (const [number, item] of this.entries()) ring[number & (ring.length - 1)] = item
    this.#ring = ring
  }
}
