const COMPACT_AT = 4_096

/** A queue whose head costs nothing to take: an array's `shift` moves all the rest. */
export class Fifo<T> implements Iterable<T> {
  #items: T[] = []
  #from = 0

  get length(): number {
    return this.#items.length - this.#from
  }

  push(item: T): void {
    this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#from]
  }

  shift(): T | undefined {
    if (this.#from === this.#items.length) return undefined
    const item = this.#items[this.#from++]
    if (this.#from === this.#items.length) this.clear()
    else if (this.#from === COMPACT_AT) {
      this.#items = this.#items.slice(COMPACT_AT)
      this.#from = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#from = 0
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#from; i < this.#items.length; i++) yield this.#items[i]!
  }
}
