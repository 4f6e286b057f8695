import type { Usage } from '@fluxgate/contracts'
import { BoundedLabel, Distribution, expose, exposeHistograms, type Registry } from '@fluxgate/runtime'
import type { AdmittedCall, Call, CallEnd, Outcome } from '../call/index.ts'

/** Series at the most: what is seen first has its own, the rest is `other`. */
export interface MetricLimits {
  readonly maxModels: number
  readonly maxUpstreams: number
}

export const DEFAULT_METRIC_LIMITS: MetricLimits = Object.freeze({ maxModels: 50, maxUpstreams: 50 })

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const OVERHEAD_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1]
const TOKENS = [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 200_000]

/** Counts of all calls that ended alike, and where their figures go. */
interface Series {
  readonly labels: { outcome: Outcome; dialect: string; upstream: string; status: string }
  count: number
  readonly duration: Distribution
  readonly firstByte: Distribution
  readonly overhead: Distribution
}

interface ModelTokens {
  input: number
  output: number
}

/**
 * What Prometheus learns of the calls of one node. A call costs two look-ups and a few additions; the text is made at the
 * scrape. No label holds an identity, and the names of models, which callers choose, are bounded.
 */
export class RequestMetrics {
  readonly #series = new Map<string, Series>()
  readonly #durations = new Distributions(SECONDS)
  readonly #firstBytes = new Distributions(SECONDS)
  readonly #overheads = new Distributions(OVERHEAD_SECONDS)
  readonly #inputs = new Distribution(TOKENS)
  readonly #outputs = new Distribution(TOKENS)
  readonly #models = new Map<string, ModelTokens>()
  readonly #refusals = new Map<string, { reason: string; dialect: string; count: number }>()
  readonly #modelLabel: BoundedLabel
  readonly #upstreamLabel: BoundedLabel
  #admitted = 0
  #bytes = 0

  constructor(registry: Registry, limits: MetricLimits = DEFAULT_METRIC_LIMITS) {
    this.#modelLabel = new BoundedLabel(limits.maxModels)
    this.#upstreamLabel = new BoundedLabel(limits.maxUpstreams)
    this.#exposeCounters(registry)
    this.#exposeHistograms(registry)
  }

  readonly admitted = (): void => {
    this.#admitted++
  }

  refused(call: Call, reason: string): void {
    const dialect = call.dialect.name
    const id = `${reason} ${dialect}`
    const found = this.#refusals.get(id)
    if (found) found.count++
    else this.#refusals.set(id, { reason, dialect, count: 1 })
  }

  ended(call: AdmittedCall, end: CallEnd): void {
    const { ending, settlement } = end
    const found = this.#seriesOf(call, end)
    found.count++
    found.duration.add(ending.durationMs / 1_000)
    found.overhead.add(end.overheadMs / 1_000)
    if (ending.firstByteMs !== undefined) found.firstByte.add(ending.firstByteMs / 1_000)
    this.#bytes += ending.bytes
    if (settlement.total > 0) this.#countTokens(call.model, settlement.usage)
  }

  #seriesOf(call: AdmittedCall, { outcome, ending }: CallEnd): Series {
    const upstream = this.#upstreamLabel.of(ending.upstream)
    const status = statusClass(ending.status)
    const dialect = call.dialect.name
    const id = `${outcome} ${dialect} ${status} ${upstream}`
    let found = this.#series.get(id)
    if (!found) {
      found = {
        labels: { outcome, dialect, upstream, status },
        count: 0,
        duration: this.#durations.of({ dialect, outcome }),
        firstByte: this.#firstBytes.of({ dialect, upstream }),
        overhead: this.#overheads.of({ dialect }),
      }
      this.#series.set(id, found)
    }
    return found
  }

  #countTokens(model: string, { input, output }: Usage): void {
    const label = this.#modelLabel.of(model)
    let found = this.#models.get(label)
    if (!found) {
      found = { input: 0, output: 0 }
      this.#models.set(label, found)
    }
    found.input += input
    found.output += output
    this.#inputs.add(input)
    this.#outputs.add(output)
  }

  #exposeCounters(registry: Registry): void {
    const counter = (name: string, help: string, values: Parameters<typeof expose>[3]) =>
      expose(registry, 'counter', { name: `fluxgate_${name}`, help }, values)
    counter('requests_admitted_total', 'Requests let through to an upstream.', () => [[{}, this.#admitted]])
    counter('requests_refused_total', 'Requests turned away, by reason.', () =>
      Array.from(
        this.#refusals.values(),
        ({ reason, dialect, count }) => [{ reason, dialect }, count] as const,
      ),
    )
    counter('requests_ended_total', 'Admitted requests that ended, by outcome.', () =>
      Array.from(this.#series.values(), ({ labels, count }) => [labels, count] as const),
    )
    counter('response_bytes_total', 'Bytes of answers that upstreams sent.', () => [[{}, this.#bytes]])
    counter('tokens_total', 'Tokens settled, by kind and model.', () =>
      Array.from(this.#models).flatMap(([model, { input, output }]) => [
        [{ kind: 'input', model }, input] as const,
        [{ kind: 'output', model }, output] as const,
      ]),
    )
  }

  #exposeHistograms(registry: Registry): void {
    const histogram = (name: string, help: string, values: Parameters<typeof exposeHistograms>[2]) =>
      exposeHistograms(registry, { name: `fluxgate_${name}`, help }, values)
    histogram('request_duration_seconds', 'From the request to the end of its answer.', () =>
      this.#durations.all(),
    )
    histogram(
      'time_to_first_byte_seconds',
      "From the request to the first byte of the upstream's answer.",
      () => this.#firstBytes.all(),
    )
    histogram('gateway_overhead_seconds', 'From the request to the call of the upstream.', () =>
      this.#overheads.all(),
    )
    histogram('request_tokens', 'Tokens of a request, by kind.', () => [
      [{ kind: 'input' }, this.#inputs],
      [{ kind: 'output' }, this.#outputs],
    ])
  }
}

function statusClass(status: number): string {
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}

/** Distributions with the same bounds, one for each combination of labels. */
class Distributions {
  readonly #bounds: readonly number[]
  readonly #byLabels = new Map<string, readonly [Record<string, string>, Distribution]>()

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  of(labels: Record<string, string>): Distribution {
    const id = JSON.stringify(labels)
    const found = this.#byLabels.get(id) ?? ([labels, new Distribution(this.#bounds)] as const)
    this.#byLabels.set(id, found)
    return found[1]
  }

  all(): Iterable<readonly [Record<string, string>, Distribution]> {
    return this.#byLabels.values()
  }
}
