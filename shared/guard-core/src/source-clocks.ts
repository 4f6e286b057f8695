import { BoundedMap, type LogEvent } from '@fluxgate/contracts'

/** What was stored this much later than it happened is history: windows do not count it any more. */
export const MAX_LATENESS_MS = 300_000
/** The time of what is too old to be counted. */
export const HISTORY = Number.NEGATIVE_INFINITY
/** Clocks are compared by the first events that a source stores in a period of this length. */
const PERIOD_MS = 60_000
const MAX_SAMPLES = 31
/** A clock is not judged by fewer events. */
const MIN_SAMPLES = 8
/** A clock that is wrong by less is left as it is, so that a replay from any position corrects alike. */
const STEP_MS = 5_000
/** Sources that are remembered; beyond it the one that came first is forgotten. */
const MAX_SOURCES = 1_000

interface SourceClock {
  period: number
  /** Stored minus reported, of the first events of the period. */
  samples: number[]
  /** The least of all events of the period. */
  leastMs: number
  /** Added to what the source says. */
  correctionMs: number
}

/**
 * When events happened, by their sources' own clocks. An event's own time is what a rule has to count by: a backlog is
 * stored in an instant, and its stored times would make a flood of an ordinary minute. But a clock can be wrong, so its
 * time is corrected by its distance to the log's clock over the source's last full minute: a clock that is ahead by the
 * median, which no single wrong time moves, and one that is behind by the least, since an event can be late but not early.
 * No event counts later than it was stored. The result depends on the log alone.
 */
export class SourceClocks {
  readonly #clocks = new BoundedMap<string, SourceClock>(MAX_SOURCES)
  #text = ''
  #textMs = 0

  get size(): number {
    return this.#clocks.size
  }

  /** @returns when the event happened, epoch milliseconds; {@link HISTORY} when that is too long before it was stored */
  timeOf({ event, storedAtMs }: LogEvent): number {
    const { time } = event
    if (time !== this.#text) {
      this.#text = time
      this.#textMs = Date.parse(time)
    }
    const clock = this.#clockOf(hostOf(event.source))
    const reportedMs = this.#textMs
    const period = Math.floor(storedAtMs / PERIOD_MS)
    if (period !== clock.period) {
      if (clock.samples.length >= MIN_SAMPLES) clock.correctionMs = correctionOf(clock)
      clock.period = period
      clock.samples = []
      clock.leastMs = Number.POSITIVE_INFINITY
    }
    const distanceMs = storedAtMs - reportedMs
    if (clock.samples.length < MAX_SAMPLES) clock.samples.push(distanceMs)
    if (distanceMs < clock.leastMs) clock.leastMs = distanceMs
    const atMs = Math.min(storedAtMs, reportedMs + clock.correctionMs)
    return storedAtMs - atMs > MAX_LATENESS_MS ? HISTORY : atMs
  }

  #clockOf(host: string): SourceClock {
    let clock = this.#clocks.get(host)
    if (!clock) {
      clock = { period: Number.NaN, samples: [], leastMs: Number.POSITIVE_INFINITY, correctionMs: 0 }
      this.#clocks.set(host, clock)
    }
    return clock
  }
}

/** How far back a replay has to begin so that the clocks are known where it matters. */
export const CLOCK_MEMORY_MS = 2 * PERIOD_MS

function correctionOf({ samples, leastMs }: SourceClock): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const medianMs = sorted[sorted.length >> 1]!
  return Math.round((medianMs < 0 ? medianMs : Math.max(0, leastMs)) / STEP_MS) * STEP_MS
}

/** `/<service>/<node>/…`: the clock is the host's, whichever run of the service speaks. */
function hostOf(source: string): string {
  const end = source.indexOf('/', source.indexOf('/', 1) + 1)
  return end === -1 ? source : source.slice(0, end)
}
