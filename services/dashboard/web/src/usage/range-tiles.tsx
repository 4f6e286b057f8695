import type { MetricsView, Percentiles, UsageSum } from '../../../src/usage/answers.ts'
import { count, dollars, duration, percent } from '../format/index.ts'
import { Tabs, Tile } from '../layout/index.ts'
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

/** More than this is a multiple, which a percentage would not tell. */
const MULTIPLE = 10

/** `+12 %`, `−3 %`, `×14`: how a figure stands to the one of the time before. */
function deltaText(now: number | null, before: number | null): string {
  if (now === null || before === null) return '–'
  if (before === 0) return now === 0 ? '±0 %' : 'new'
  const ratio = now / before
  if (ratio > MULTIPLE) return `×${Math.round(ratio)}`
  const { value } = percent(Math.abs(ratio - 1))
  return value === '0' || value === '<0.1' ? '±0 %' : `${ratio > 1 ? '+' : '−'}${value} %`
}

/** A short note under a figure; on hover, what it is compared with. */
export function Delta(props: { now: number | null; before: number | null; range: RangeChoice }) {
  const { now, before, range } = props
  return <span title={`compared with ${range.before}`}>{deltaText(now, before)} vs. before</span>
}

/** The choice is in the address; the first one is in force without being named. */
export function RangeTabs(props: { path: string; choices: readonly RangeChoice[]; here: RangeChoice }) {
  const { path, choices, here } = props
  return (
    <Tabs
      label="Time range"
      tabs={choices.map((choice, i) => ({
        text: choice.text,
        href: i === 0 ? path : `${path}?range=${choice.name}`,
        isHere: choice.name === here.name,
      }))}
    />
  )
}
