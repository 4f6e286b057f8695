import type { MetricsView } from '../../../src/usage/answers.ts'
import { useStore } from '../data/index.ts'
import { count, percent, rate } from '../format/index.ts'
import { Tile } from '../layout/index.ts'
import { live, peakOf, ratesOver } from '../live/index.ts'
import { LatencyTiles, type RangeChoice } from '../usage/index.ts'

const RATE_SECONDS = 5
const SHARE_SECONDS = 60
const PEAK_TICKS = 300
const ERRORS_WARN = 0.01
const ERRORS_BAD = 0.05

/** The figures of now. Rates are means of a few seconds: single seconds jump too much to be read. */
export function LiveTiles({ metrics, range }: { metrics: MetricsView | undefined; range: RangeChoice }) {
  const ticks = useStore(live, it => it.ticks)
  const now = ratesOver(ticks, RATE_SECONDS)
  const minute = ratesOver(ticks, SHARE_SECONDS)
  const recent = ticks.slice(-PEAK_TICKS)
  const requestsPeak = peakOf(recent, tick => tick.admitted + tick.refused)
  const tokensPeak = peakOf(recent, tick => tick.tokens)
  const failed = minute.failedShare ?? 0
  return (
    <div class="tiles">
      <Tile
        label="Requests"
        unit="req/s"
        figures={[{ value: rate(now.requests), testId: 'rate-requests' }]}
        note={`peak ${count(requestsPeak)} in 5 min`}
      />
      <Tile
        label="Tokens"
        unit="tok/s"
        figures={[{ value: rate(now.tokens), testId: 'rate-tokens' }]}
        note={`peak ${count(tokensPeak)} in 5 min`}
      />
      <Tile
        label="Errors"
        unit="%"
        figures={[{ value: percent(minute.failedShare).value }]}
        note="of ended, last minute"
        tone={failed >= ERRORS_BAD ? 'bad' : failed >= ERRORS_WARN ? 'warn' : undefined}
      />
      <Tile
        label="Refusals"
        unit="%"
        figures={[{ value: percent(minute.refusedShare).value }]}
        note="of requests, last minute"
      />
      <Tile
        label="In flight"
        unit="requests"
        figures={[{ value: count(ticks[ticks.length - 1]?.active ?? 0) }]}
        note="admitted, not ended"
      />
      <LatencyTiles metrics={metrics} range={range} />
    </div>
  )
}
