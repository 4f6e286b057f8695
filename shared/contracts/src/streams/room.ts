/** Memory that readers of streams share: what one of them holds, another cannot. */
export interface Room {
  /** @returns false, and takes nothing, when there is not so much left */
  take(bytes: number): boolean
  give(bytes: number): void
}

/** A room of a fixed size for all readers that are given it. */
export class SharedRoom implements Room {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What is held now. */
  get bytes(): number {
    return this.#bytes
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** For a reader that is bounded by itself and shares with no other. */
export const OWN_ROOM: Room = Object.freeze({ take: () => true, give() {} })
