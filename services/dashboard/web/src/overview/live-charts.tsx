import { useMemo } from 'preact/hooks'
import type { Tick } from '../../../src/live/answers.ts'
import { type ChartSeries, SeriesChart } from '../charts/index.ts'
import { useStore } from '../data/index.ts'
import { count } from '../format/index.ts'
import { columnsOf, live } from '../live/index.ts'

const SECONDS = 300
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

interface Drawn extends ChartSeries {
  readonly figure: (tick: Tick) => number
}

/** By outcome. Admitted requests count when they end, refused ones when they are refused. */
const REQUESTS: readonly Drawn[] = [
  { name: 'Completed', color: '--series-good', figure: tick => tick.completed },
  { name: 'Refused', color: '--series-warn', figure: tick => tick.refused },
  { name: 'Failed', color: '--series-bad', figure: tick => tick.failed },
  { name: 'Interrupted', color: '--series-quiet', figure: tick => tick.interrupted },
]
const TOKENS: readonly Drawn[] = [{ name: 'Tokens', color: '--series-tokens', figure: tick => tick.tokens }]

export function RequestsChart() {
  return <LiveChart title="Requests" unit="req/s" kind="bars" drawn={REQUESTS} />
}

export function TokensChart() {
  return <LiveChart title="Tokens" unit="tok/s" kind="area" drawn={TOKENS} />
}

function LiveChart(props: { title: string; unit: string; kind: 'bars' | 'area'; drawn: readonly Drawn[] }) {
  const { drawn, ...rest } = props
  const ticks = useStore(live, it => it.ticks)
  const { times, columns } = useMemo(
    () =>
      columnsOf(
        ticks,
        SECONDS,
        drawn.map(each => each.figure),
      ),
    [ticks, drawn],
  )
  return (
    <SeriesChart
      {...rest}
      series={drawn}
      times={times}
      columns={columns}
      group="live"
      format={count}
      timeText={at => clock.format(at * 1_000)}
      rest={{ note: 'now', values: columns.map(column => column.at(-1) ?? null) }}
      spanText="last 5 minutes"
    >
      {ticks.length === 0 && <p class="chart-waiting">Waiting for data…</p>}
    </SeriesChart>
  )
}
