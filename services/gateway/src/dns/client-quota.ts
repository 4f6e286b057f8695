export interface ClientQuotaLimits {
  /** Questions of one address that may wait at once. */
  readonly clientQueries: number
  /** Questions of one address in a second, and at once after a pause. */
  readonly clientRate: number
  readonly clientBurst: number
  /** Addresses that are remembered; those that have been silent longest are forgotten first. */
  readonly clientAddresses: number
}

interface Client {
  waiting: number
  tokens: number
  atMs: number
}

/**
 * How much of the resolvers one address (an IPv6 /64 is one) may take. Bounded: whoever waits is one of the questions
 * that may wait in all, and the others are forgotten, which gives back at most one burst.
 */
export class ClientQuota {
  readonly #limits: ClientQuotaLimits
  /** In the order of their last question. */
  readonly #clients = new Map<string, Client>()

  constructor(limits: ClientQuotaLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#clients.size
  }

  /** Takes a place for a question; {@link end} gives it back. @returns false when the address has none left */
  begin(address: string, nowMs: number): boolean {
    const { clientQueries, clientRate, clientBurst } = this.#limits
    const known = this.#clients.get(address)
    const client = known ?? { waiting: 0, tokens: clientBurst, atMs: nowMs }
    client.tokens = Math.min(clientBurst, client.tokens + ((nowMs - client.atMs) / 1_000) * clientRate)
    client.atMs = nowMs
    if (known) this.#clients.delete(address)
    else this.#makeRoom()
    this.#clients.set(address, client)
    if (client.waiting >= clientQueries || client.tokens < 1) return false
    client.waiting++
    client.tokens--
    return true
  }

  end(address: string): void {
    const client = this.#clients.get(address)
    if (client && client.waiting > 0) client.waiting--
  }

  #makeRoom(): void {
    if (this.#clients.size < this.#limits.clientAddresses) return
    for (const [address, { waiting }] of this.#clients) {
      if (waiting > 0) continue
      this.#clients.delete(address)
      return
    }
  }
}
