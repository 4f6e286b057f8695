import type { OutgoingEvent } from '@fluxgate/contracts'

const REPORTED_BY = /^fluxgate\.(requests\.(completed|failed|interrupted)|tokens\.(progressed|settled))$/

/**
 * Requests that were running when another node took this one for dead, with its spool: that node ends and settles them, so
 * this one appends nothing more of them. Bounded by the requests in flight at that moment.
 */
export class TakenRequests {
  readonly #ids = new Set<string>()

  add(requests: Iterable<string>): void {
    for (const request of requests) this.#ids.add(request)
  }

  has(request: string): boolean {
    return this.#ids.has(request)
  }

  /** Whether the other node appends what this event says; a request is forgotten with its settlement. */
  covers({ event }: OutgoingEvent): boolean {
    if (this.#ids.size === 0 || !REPORTED_BY.test(event.type)) return false
    const { request } = event.data as { request: string }
    return event.type === 'fluxgate.tokens.settled' ? this.#ids.delete(request) : this.#ids.has(request)
  }
}
