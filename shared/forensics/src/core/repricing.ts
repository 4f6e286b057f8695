import {
  type BilledModel,
  costMicros,
  type PriceList,
  Prices,
  type StoredEvent,
  type Usage,
} from '@fluxgate/contracts'
import { Seen } from './seen.ts'
import { timeOfId } from './ulid-time.ts'

const MAX_REMEMBERED = 1_000_000

/** What one identity used of one model, and what it costs. Money in millionths of a US dollar. */
export interface RepricedRow {
  readonly identity: string
  /** The model that was billed: the one that answered, where that is known. */
  readonly model: string
  settled: number
  promptTokens: number
  cachedTokens: number
  cacheWrite5mTokens: number
  cacheWrite1hTokens: number
  completionTokens: number
  reasoningTokens: number
  /** By the list given; null for a model without a price in it. */
  costMicros: number | null
  /** As told at the settlements; those without a cost count as nothing. */
  recordedMicros: number
}

/**
 * Adds up settlements by identity and billed model with another price list, by the prices that it has for the moment of
 * each admission. Each request counts once.
 */
export class Repricing {
  readonly #prices = new Prices()
  readonly #rows = new Map<string, RepricedRow>()
  readonly #requests = new Seen(MAX_REMEMBERED)

  constructor(list: PriceList) {
    this.#prices.setList(list)
  }

  add({ event }: StoredEvent): void {
    if (event.type !== 'fluxgate.tokens.settled' || !this.#requests.isNew(event.data.request)) return
    const { request, model: asked, answered, usage, models, costMicros: recorded } = event.data
    const atMs = timeOfId(request) ?? Date.parse(event.time)
    const whole = {
      model: answered ?? asked,
      usage,
      ...(recorded === undefined ? {} : { costMicros: recorded }),
    }
    for (const billed of models ?? [whole]) this.#addBilled(event.subject, asked, billed, atMs)
  }

  #addBilled(
    identity: string,
    asked: string,
    { model, usage, costMicros: recorded }: BilledModel,
    atMs: number,
  ) {
    const row = this.#rowOf(identity, model)
    row.settled++
    addUsage(row, usage)
    row.recordedMicros += recorded ?? 0
    const price = this.#prices.book.priceFor(model, asked, atMs)
    if (price) row.costMicros = (row.costMicros ?? 0) + costMicros(price, usage)
  }

  #rowOf(identity: string, model: string): RepricedRow {
    const name = `${identity}\0${model}`
    let row = this.#rows.get(name)
    if (!row) {
      row = {
        identity,
        model,
        settled: 0,
        promptTokens: 0,
        cachedTokens: 0,
        cacheWrite5mTokens: 0,
        cacheWrite1hTokens: 0,
        completionTokens: 0,
        reasoningTokens: 0,
        costMicros: null,
        recordedMicros: 0,
      }
      this.#rows.set(name, row)
    }
    return row
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

function addUsage(row: RepricedRow, usage: Usage): void {
  row.promptTokens += usage.input
  row.cachedTokens += usage.cachedInput ?? 0
  row.cacheWrite5mTokens += usage.cacheWrite5m ?? 0
  row.cacheWrite1hTokens += usage.cacheWrite1h ?? 0
  row.completionTokens += usage.output
  row.reasoningTokens += usage.reasoning ?? 0
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
