import type { Response } from './request-filter.http.ts'

/** The part of all open requests that routes other than model calls can have: they need no key. */
const ROUTES_SHARE = 0.25

/** Counts the requests that are being answered, over all connections; beyond the bound new ones are refused. */
export class OpenRequests {
  readonly #max: number
  #calls = 0
  #routes = 0
  /** Refused for their number. */
  refused = 0
  readonly #leaveCall = () => void this.#calls--
  readonly #leaveRoute = () => void this.#routes--

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#calls + this.#routes
  }

  /** @returns false when there are too many; else it counts until the response closes */
  enter(response: Response, isCall: boolean): boolean {
    const isFull = this.size >= this.#max || (!isCall && this.#routes >= this.#max * ROUTES_SHARE)
    if (isFull) {
      this.refused++
      return false
    }
    if (isCall) this.#calls++
    else this.#routes++
    response.once('close', isCall ? this.#leaveCall : this.#leaveRoute)
    return true
  }
}
