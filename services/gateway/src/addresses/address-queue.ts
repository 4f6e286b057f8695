/** Clear addresses that wait to be stored; beyond it an address is not stored, and its hash cannot be resolved. */
const MAX_WAITING = 10_000

/** Clear addresses on their way to their bucket, by their hash. */
export class AddressQueue {
  readonly #waiting = new Map<string, string>()

  get size(): number {
    return this.#waiting.size
  }

  /** @returns false when it has no room */
  add(hash: string, address: string): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false
    this.#waiting.set(hash, address)
    return true
  }

  forget(hash: string): void {
    this.#waiting.delete(hash)
  }

  /** The oldest, which it holds no longer. */
  take(count: number): Array<readonly [hash: string, address: string]> {
    const batch = [...this.#waiting.entries().take(count)]
    for (const [hash] of batch) this.#waiting.delete(hash)
    return batch
  }
}
