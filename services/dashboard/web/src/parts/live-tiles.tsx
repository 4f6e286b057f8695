import { peakOf, ratesOver } from '../../../src/core/series.ts'
import type { Latency } from '../../../src/core/wire.ts'
import { live } from '../live/live.ts'
import { useStore } from '../live/store.ts'
import { count, duration, percent, rate } from './format.ts'
import { Tile } from './tile.tsx'

const RATE_SECONDS = 5
const SHARE_SECONDS = 60
const PEAK_TICKS = 300
const ERRORS_WARN = 0.01
const ERRORS_BAD = 0.05

/** The figures of now. Rates are means of a few seconds: single seconds jump too much to be read. */
export function LiveTiles({ latency }: { latency: Latency | undefined }) {
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
        note="of asked, last minute"
      />
      <Tile
        label="In flight"
        unit="requests"
        figures={[{ value: count(ticks[ticks.length - 1]?.active ?? 0) }]}
        note="admitted, not ended"
      />
      <Tile
        label="Latency"
        figures={[
          { name: 'p50', ...duration(latency?.p50Ms ?? null) },
          { name: 'p95', ...duration(latency?.p95Ms ?? null) },
        ]}
        note={latency ? `${count(latency.count)} requests, 5 min` : 'last 5 min'}
      />
    </div>
  )
}
