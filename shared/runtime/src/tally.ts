import type { Registry } from './status.ts'

export type Labels = Readonly<Record<string, string>>

interface MetricText {
  readonly name: string
  readonly help: string
}

/**
 * A counter (or gauge) whose values are asked for at each scrape. prom-client's own labelled counter hashes its labels
 * at every `inc` (0.5 µs); a hot path counts in its own numbers instead and shows them here.
 */
export function expose(
  registry: Registry,
  type: 'counter' | 'gauge',
  text: MetricText,
  values: () => Iterable<readonly [Labels, number]>,
): void {
  register(registry, type, text, () => Array.from(values(), ([labels, value]) => ({ labels, value })))
}

/** The same for histograms. */
export function exposeHistograms(
  registry: Registry,
  text: MetricText,
  values: () => Iterable<readonly [Labels, Distribution]>,
): void {
  register(registry, 'histogram', text, () =>
    Array.from(values()).flatMap(([labels, distribution]) => distribution.series(text.name, labels)),
  )
}

/** Counts of values up to each bound, their sum and their number. */
export class Distribution {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  /** @param bounds upper bounds of the buckets, rising */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  add(value: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    this.#counts[i]!++
    this.#sum += value
  }

  /** In Prometheus' form: each bucket holds all that is below its bound. */
  series(name: string, labels: Labels): Sample[] {
    let total = 0
    const samples: Sample[] = this.#bounds.map((bound, i) => {
      total += this.#counts[i]!
      return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: total }
    })
    total += this.#counts[this.#bounds.length]!
    samples.push(
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total },
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: total },
    )
    return samples
  }
}

/** One line of a scrape. */
export interface Sample {
  readonly metricName?: string
  readonly labels: Labels
  readonly value: number
}

function register(registry: Registry, type: string, text: MetricText, values: () => Sample[]): void {
  const get = async () => ({ ...text, type, aggregator: 'sum', values: values() })
  // All that a registry asks of a metric is its name and its values; the library's type asks for its own classes.
  registry.registerMetric({ ...text, get, reset() {} } as unknown as Parameters<
    Registry['registerMetric']
  >[0])
}

const OTHER = 'other'

/** Keeps the first `limit` values of a label and calls the rest `other`, so that nobody outside can make series. */
export class BoundedLabel {
  readonly #known = new Set<string>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  of(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#limit) return OTHER
    this.#known.add(value)
    return value
  }
}
