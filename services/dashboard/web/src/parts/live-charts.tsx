import { useMemo, useState } from 'preact/hooks'
import { columnsOf } from '../../../src/core/series.ts'
import type { Tick } from '../../../src/core/wire.ts'
import { live } from '../live/live.ts'
import { useStore } from '../live/store.ts'
import { Chart, type ChartSeries } from './chart.tsx'
import { count } from './format.ts'
import { Panel } from './panel.tsx'

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
  const { title, unit, kind, drawn } = props
  const ticks = useStore(live, it => it.ticks)
  const [pointed, setPointed] = useState<number | null>(null)
  const { times, columns } = useMemo(
    () =>
      columnsOf(
        ticks,
        SECONDS,
        drawn.map(each => each.figure),
      ),
    [ticks, drawn],
  )
  const at = pointed ?? times.length - 1
  const shown = drawn.map((each, i) => ({ ...each, value: columns[i]?.[at] }))
  const label = `${title}, last 5 minutes. Now: ${shown
    .map(each => `${each.name} ${count(each.value ?? 0)} ${unit}`)
    .join(', ')}`
  const legend = (
    <div class="legend">
      {shown.map(({ name, color, value }) => (
        <span key={name} class="legend-item">
          <span class="swatch" style={{ background: `var(${color})` }} />
          {name}
          <span class="legend-value num">{value == null ? '–' : count(value)}</span>
        </span>
      ))}
    </div>
  )
  const when = pointed === null || times[at] === undefined ? 'now' : clock.format(times[at] * 1_000)
  return (
    <Panel title={title} note={`${unit}, ${when}`} aside={legend} class="chart-panel">
      <Chart
        label={label}
        unit={unit}
        kind={kind}
        series={drawn}
        times={times}
        columns={columns}
        group="live"
        onPoint={setPointed}
      />
      {ticks.length === 0 && <p class="chart-waiting">Waiting for the first second of the log…</p>}
    </Panel>
  )
}
