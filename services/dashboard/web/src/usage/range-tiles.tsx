import type { MetricsView, Percentiles, UsageSum } from '../../../src/usage/answers.ts'
import { count, dollars, duration, percent } from '../format/index.ts'
import { Tile } from '../layout/index.ts'
import { Delta } from './delta.tsx'
import type { RangeChoice } from './range.ts'

const ERRORS_WARN = 0.01
const ERRORS_BAD = 0.05

/** The sums of a range, each beside that of the time before. */
export function RangeTiles({ metrics, range }: { metrics: MetricsView | undefined; range: RangeChoice }) {
  const now = metrics?.total
  const before = metrics?.before
  const against = (figure: (sum: UsageSum) => number | null) =>
    now && before ? <Delta now={figure(now)} before={figure(before)} range={range} /> : '\u00a0'
  const failed = now ? failedShare(now) : null
  const tone = (failed ?? 0) >= ERRORS_BAD ? 'bad' : (failed ?? 0) >= ERRORS_WARN ? 'warn' : undefined
  return (
    <div class="tiles">
      <Tile
        label="Requests"
        figures={[{ value: now ? count(asked(now)) : '–', testId: 'sum-requests' }]}
        note={against(asked)}
      />
      <Tile
        label="Tokens"
        figures={[{ value: now ? count(now.totalTokens) : '–', testId: 'sum-tokens' }]}
        note={against(sum => sum.totalTokens)}
      />
      <Tile
        label="Errors"
        unit="%"
        figures={[{ value: percent(failed).value }]}
        note={against(failedShare)}
        tone={tone}
      />
      <Tile
        label="Refusals"
        unit="%"
        figures={[{ value: percent(now ? refusedShare(now) : null).value }]}
        note={against(refusedShare)}
      />
      <Tile
        label="Cost"
        unit="US$"
        figures={[{ value: now ? dollars(now.costMicros) : '–' }]}
        note={against(sum => sum.costMicros)}
      />
      <LatencyTiles metrics={metrics} range={range} />
    </div>
  )
}

/** Percentiles of latency and of the time to the first token. */
export function LatencyTiles({ metrics, range }: { metrics: MetricsView | undefined; range: RangeChoice }) {
  const { latency: now, latencyBefore: before } = metrics ?? {}
  const note = (figure: (of: Percentiles) => number | null) =>
    now?.count === 0 ? (
      'no requests ended in this period'
    ) : now && before ? (
      <>
        p95 <Delta now={figure(now)} before={figure(before)} range={range} /> · {count(now.count)} ended
      </>
    ) : (
      '\u00a0'
    )
  return (
    <>
      <Tile
        label="Latency"
        class="wide"
        figures={[
          { name: 'p50', ...duration(now?.p50Ms ?? null) },
          { name: 'p95', ...duration(now?.p95Ms ?? null) },
          { name: 'p99', ...duration(now?.p99Ms ?? null) },
        ]}
        note={note(of => of.p95Ms)}
      />
      <Tile
        label="Time to first token"
        class="wide"
        figures={[
          { name: 'p50', ...duration(now?.firstByteP50Ms ?? null) },
          { name: 'p95', ...duration(now?.firstByteP95Ms ?? null) },
          { name: 'p99', ...duration(now?.firstByteP99Ms ?? null) },
        ]}
        note={note(of => of.firstByteP95Ms)}
      />
    </>
  )
}

function asked({ admitted, refused }: UsageSum): number {
  return admitted + refused
}

function failedShare({ completed, failed, interrupted }: UsageSum): number | null {
  const ended = completed + failed + interrupted
  return ended === 0 ? null : failed / ended
}

function refusedShare(sum: UsageSum): number | null {
  return asked(sum) === 0 ? null : sum.refused / asked(sum)
}
