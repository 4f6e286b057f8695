import { minuteOf } from './usage.ts'

/** Buckets of one doubling: a percentile errs by half a bucket, 2^(1/16) - 1 = 4.4 %, at the most. */
const BUCKETS_PER_DOUBLING = 8
/** 2^40 ms, 35 years: no fixed bucket lies beyond it. */
const MAX_BUCKET = 40 * BUCKETS_PER_DOUBLING

export type Measure = 'duration' | 'first_byte'

/** Endings of a minute, model and upstream that took so long. */
export interface LatencyDelta {
  readonly minuteMs: number
  readonly model: string
  readonly upstream: string
  readonly measure: Measure
  readonly bucket: number
  readonly count: number
}

/** Bucket b holds 2^((b-1)/8) < ms <= 2^(b/8); bucket 0 all up to 1 ms. The same for ever, so that sums are histograms. */
export function bucketOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(Math.ceil(Math.log2(ms) * BUCKETS_PER_DOUBLING), MAX_BUCKET)
}

interface LatencySeries {
  readonly minuteMs: number
  readonly model: string
  readonly upstream: string
  readonly counts: Readonly<Record<Measure, Map<number, number>>>
}

/** Collects histograms, one for each minute, model, upstream and measure. */
export class LatencyDeltas {
  readonly #places = new Map<string, LatencySeries>()

  add(timeMs: number, model: string, upstream: string, durationMs: number, firstByteMs?: number): void {
    const minuteMs = minuteOf(timeMs)
    const name = `${minuteMs} ${model}\0${upstream}`
    let place = this.#places.get(name)
    if (!place) {
      place = { minuteMs, model, upstream, counts: { duration: new Map(), first_byte: new Map() } }
      this.#places.set(name, place)
    }
    countIn(place.counts.duration, durationMs)
    if (firstByteMs !== undefined) countIn(place.counts.first_byte, firstByteMs)
  }

  list(): LatencyDelta[] {
    const deltas: LatencyDelta[] = []
    for (const { minuteMs, model, upstream, counts } of this.#places.values()) {
      for (const measure of ['duration', 'first_byte'] as const) {
        for (const [bucket, count] of counts[measure]) {
          deltas.push({ minuteMs, model, upstream, measure, bucket, count })
        }
      }
    }
    return deltas
  }
}

function countIn(buckets: Map<number, number>, ms: number): void {
  const bucket = bucketOf(ms)
  buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
}
