import type { Price, PriceList } from './state.ts'

/** What is paid for: `cached` is the part of the prompt that the upstream read from its cache. */
export interface Billed {
  readonly prompt: number
  readonly completion: number
  readonly cached?: number | undefined
}

/** Names of models come from callers: no more of them are remembered. */
const MAX_REMEMBERED = 1_000
/** What binary fractions add to an exact product; less than any price that is written with ten digits. */
const NOISE_MICROS = 1e-6

/** The price list in force: model → price, the exact name first, then the longest `prefix*`. */
export class Prices {
  #exact: ReadonlyMap<string, Price> = new Map()
  #prefixes: ReadonlyArray<readonly [prefix: string, price: Price]> = []
  readonly #found = new Map<string, Price | undefined>()

  setList(list: PriceList | undefined): void {
    const entries = Object.entries(list?.models ?? {})
    this.#found.clear()
    this.#exact = new Map(entries.filter(([name]) => !name.endsWith('*')))
    this.#prefixes = entries
      .filter(([name]) => name.endsWith('*'))
      .map(([name, price]) => [name.slice(0, -1), price] as const)
      .sort(([a], [b]) => b.length - a.length)
  }

  priceOf(model: string): Price | undefined {
    if (this.#found.has(model)) return this.#found.get(model)
    const price = this.#exact.get(model) ?? this.#prefixes.find(([prefix]) => model.startsWith(prefix))?.[1]
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear()
    this.#found.set(model, price)
    return price
  }

  /** Undefined for a model without a price. */
  costMicros(model: string, billed: Billed): number | undefined {
    const price = this.priceOf(model)
    return price && costMicros(price, billed)
  }
}

/**
 * Millionths of a US dollar: a price per million tokens is a price in millionths per token. Rounded up to a whole one,
 * so that many small calls are not free; at most one millionth too much a call. Tokens that go into a prompt cache are
 * paid as `input`: the list knows no price of its own for them (Anthropic takes a quarter more for five minutes).
 */
export function costMicros(price: Price, { prompt, completion, cached = 0 }: Billed): number {
  const read = Math.min(cached, prompt)
  const exact =
    (prompt - read) * price.input + read * (price.cachedInput ?? price.input) + completion * price.output
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.ceil(exact - NOISE_MICROS)))
}
