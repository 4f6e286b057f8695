/**
 * What is under way just now: thousands come and go each second. A `Set` would do, but V8 chains each table that a `Set`
 * outgrows to the next one, and once a full collection has moved one of them out of the young generation, everything
 * that comes after stays alive until the next full collection (`infra/bench/findings.md`).
 */
export class Roster<T> implements Iterable<T> {
  readonly #places: Array<T | undefined> = []
  readonly #free: number[] = []

  get size(): number {
    return this.#places.length - this.#free.length
  }

  /** @returns its place, by which it is removed */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#places.length
    this.#places[place] = item
    return place
  }

  remove(place: number): void {
    this.#places[place] = undefined
    this.#free.push(place)
  }

  /** In no order. What is removed meanwhile does not come any more. */
  *[Symbol.iterator](): Iterator<T> {
    for (const item of this.#places) if (item !== undefined) yield item
  }
}
