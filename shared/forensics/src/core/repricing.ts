import { costMicros, type PriceList, Prices } from '@fluxgate/contracts'
import type { StoredFact } from './fact.ts'
import { Seen } from './seen.ts'

const MAX_REMEMBERED = 1_000_000

/** What one identity burnt of one model, and what it costs. Money in millionths of a US dollar. */
export interface RepricedRow {
  readonly identity: string
  readonly model: string
  settled: number
  promptTokens: number
  cachedTokens: number
  completionTokens: number
  /** By the list given; null for a model without a price in it. */
  costMicros: number | null
  /** As told at the settlements; those without a cost count as nothing. */
  recordedMicros: number
}

/** Adds up settlements by identity and model with another price list. Each request counts once. */
export class Repricing {
  readonly #prices = new Prices()
  readonly #rows = new Map<string, RepricedRow>()
  readonly #requests = new Seen(MAX_REMEMBERED)

  constructor(list: PriceList) {
    this.#prices.setList(list)
  }

  add({ event }: StoredFact): void {
    if (event.type !== 'fluxgate.tokens.settled' || !this.#requests.isNew(event.data.request)) return
    const { model, prompt, completion, cached = 0 } = event.data
    const name = `${event.subject}\0${model}`
    let row = this.#rows.get(name)
    if (!row) {
      const tokens = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
      row = { identity: event.subject, model, settled: 0, ...tokens, costMicros: null, recordedMicros: 0 }
      this.#rows.set(name, row)
    }
    row.settled++
    row.promptTokens += prompt
    row.cachedTokens += cached
    row.completionTokens += completion
    row.recordedMicros += event.data.costMicros ?? 0
    const price = this.#prices.priceOf(model)
    if (price) row.costMicros = (row.costMicros ?? 0) + costMicros(price, { prompt, completion, cached })
  }

  /** The dearest first; what has no price, last. */
  rows(): RepricedRow[] {
    return [...this.#rows.values()].sort(
      (a, b) =>
        (b.costMicros ?? -1) - (a.costMicros ?? -1) ||
        compare(a.identity, b.identity) ||
        compare(a.model, b.model),
    )
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
