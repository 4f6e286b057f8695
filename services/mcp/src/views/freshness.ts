import type { Checkpoint } from '../backends/index.ts'
import { spanText } from './text.ts'

/** A stream as the tables hold it, and as it is. */
export interface StreamLag {
  readonly stream: string
  /** Position of the last event in the tables. */
  readonly sequence: number
  /** Position of the last event in the log; null when the log could not be asked. */
  readonly head: number | null
  /** Time of the last event in the tables, epoch milliseconds. */
  readonly eventAt: number | null
}

/** How far an answer from the tables is behind the log. */
export interface Freshness {
  readonly readAt: number
  /** Events of the log that the tables do not hold yet; null when unknown. */
  readonly behindEvents: number | null
  /** What happened longer ago than this is in the tables; null when unknown. */
  readonly lagMs: number | null
  readonly streams: readonly StreamLag[]
}

/** @param heads last positions in the log, absent when it could not be asked */
export function freshness(
  checkpoints: readonly Checkpoint[],
  heads: ReadonlyMap<string, number> | undefined,
  streams: readonly string[],
  nowMs: number,
): Freshness {
  const lags = streams.map((stream): StreamLag => {
    const own = checkpoints.filter(checkpoint => checkpoint.stream === stream)
    // A rebuild keeps its position beside the live one until it has taken over: the newest is the live one then.
    const live = own.sort((a, b) => b.version - a.version)[0]
    return {
      stream,
      sequence: live?.sequence ?? 0,
      head: heads?.get(stream) ?? null,
      eventAt: live?.eventAt ?? null,
    }
  })
  return {
    readAt: nowMs,
    behindEvents: sumOrNull(lags.map(behindOf)),
    lagMs: maxOrNull(lags.map(lag => lagOf(lag, nowMs))),
    streams: lags,
  }
}

export function behindOf({ head, sequence }: StreamLag): number | null {
  return head === null ? null : Math.max(0, head - sequence)
}

function lagOf(lag: StreamLag, nowMs: number): number | null {
  const behind = behindOf(lag)
  if (behind === 0) return 0
  return behind === null || lag.eventAt === null ? null : Math.max(0, nowMs - lag.eventAt)
}

function sumOrNull(values: ReadonlyArray<number | null>): number | null {
  return values.reduce<number | null>(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0,
  )
}

function maxOrNull(values: ReadonlyArray<number | null>): number | null {
  return values.reduce<number | null>(
    (most, value) => (most === null || value === null ? null : Math.max(most, value)),
    0,
  )
}

export function freshnessText({ readAt, behindEvents, lagMs }: Freshness): string {
  const at = `As of ${new Date(readAt).toISOString()}`
  if (behindEvents === null) return `${at}; the log could not be asked how far behind this is.`
  if (behindEvents === 0) return `${at}; everything in the log is counted.`
  const lag = lagMs === null ? 'an unknown time' : `at most ${spanText(lagMs)}`
  return `${at}; ${lag} behind the log (${behindEvents} events still to be counted).`
}
