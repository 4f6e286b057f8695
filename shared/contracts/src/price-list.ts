import type { Price, PriceList } from './state.ts'
import type { Usage } from './usage.ts'

/** Names of models come from callers and upstreams: no more of them are remembered. */
const MAX_REMEMBERED = 1_000
/** What binary fractions add to an exact product; less than any price that is written with ten digits. */
const NOISE_MICROS = 1e-6
const MICROS_PER_USD = 1_000_000

/** A model's prices, the newest first, each with the moment (epoch milliseconds) from which it holds. */
type Dated = ReadonlyArray<readonly [fromMs: number, price: Price]>

/** One state of the price list, which does not change: a call is settled by the one that was in force at its admission. */
export class PriceBook {
  readonly #exact: ReadonlyMap<string, Dated>
  readonly #prefixes: ReadonlyArray<readonly [prefix: string, prices: Dated]>
  readonly #found = new Map<string, Dated | undefined>()

  constructor(list: PriceList | undefined) {
    const entries = Object.entries(list?.models ?? {}).map(([name, value]) => [name, dated(value)] as const)
    this.#exact = new Map(entries.filter(([name]) => !name.endsWith('*')))
    this.#prefixes = entries
      .filter(([name]) => name.endsWith('*'))
      .map(([name, prices]) => [name.slice(0, -1), prices] as const)
      .sort(([a], [b]) => b.length - a.length)
  }

  /** Names of models whose prices were looked for. */
  get remembered(): number {
    return this.#found.size
  }

  /** @param atMs the price that holds at this moment, epoch milliseconds */
  priceOf(model: string, atMs: number): Price | undefined {
    return this.#datedOf(model)?.find(([fromMs]) => fromMs <= atMs)?.[1]
  }

  /**
   * The price of a call: that of the model that answered; where the list has none for it, that of the model that was
   * asked for, so that an upstream's own name for a model (a snapshot's date, a file) does not make a call free.
   */
  priceFor(answered: string | undefined, asked: string, atMs: number): Price | undefined {
    const price = answered === undefined ? undefined : this.priceOf(answered, atMs)
    return price ?? this.priceOf(asked, atMs)
  }

  #datedOf(model: string): Dated | undefined {
    if (this.#found.has(model)) return this.#found.get(model)
    const prices = this.#exact.get(model) ?? this.#prefixes.find(([prefix]) => model.startsWith(prefix))?.[1]
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear()
    this.#found.set(model, prices)
    return prices
  }
}

/** The price list in force. */
export class Prices {
  #book = new PriceBook(undefined)

  get book(): PriceBook {
    return this.#book
  }

  setList(list: PriceList | undefined): void {
    this.#book = new PriceBook(list)
  }
}

/** Text of a date that is none, such as the 31st of June; undefined when all are dates. */
export function wrongDate({ models }: PriceList): string | undefined {
  for (const value of Object.values(models)) {
    const wrong = [value].flat().find(({ from }) => from !== undefined && Number.isNaN(timeOf(from)))
    if (wrong) return wrong.from
  }
  return undefined
}

function dated(value: Price | Price[]): Dated {
  return [value]
    .flat()
    .map(price => [price.from === undefined ? Number.NEGATIVE_INFINITY : timeOf(price.from), price] as const)
    .filter(([fromMs]) => !Number.isNaN(fromMs))
    .sort(([a], [b]) => b - a)
}

/** Epoch milliseconds; NaN for a day that the calendar does not have. */
function timeOf(from: string): number {
  const ms = Date.parse(from)
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== from.slice(0, 10) ? Number.NaN : ms
}

/**
 * Millionths of a US dollar: a price per million tokens is a price in millionths per token. Rounded up to a whole one,
 * so that many small calls are not free; at most one millionth too much a call and model. Parts that overlap (cached
 * audio) are paid once, as the first of them in this order: cache read, cache written for an hour, for five minutes, audio.
 */
export function costMicros(price: Price, usage: Usage): number {
  let exact = 0
  let left = usage.input
  const take = (tokens: number | undefined, each: number) => {
    const taken = Math.min(tokens ?? 0, left)
    left -= taken
    exact += taken * each
  }
  take(usage.cachedInput, price.cachedInput ?? price.input)
  take(usage.cacheWrite1h, price.cacheWrite1h ?? price.cacheWrite5m ?? price.input)
  take(usage.cacheWrite5m, price.cacheWrite5m ?? price.input)
  take(usage.audioInput, price.audioInput ?? price.input)
  take(left, price.input)
  left = usage.output
  take(usage.audioOutput, price.audioOutput ?? price.output)
  take(usage.reasoning, price.reasoning ?? price.output)
  take(left, price.output)
  exact += (usage.images ?? 0) * (price.images ?? 0) * MICROS_PER_USD
  for (const name in usage.tools) exact += usage.tools[name]! * (price.tools?.[name] ?? 0) * MICROS_PER_USD
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil(exact - NOISE_MICROS)))
}
