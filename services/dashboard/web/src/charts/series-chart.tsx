import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Panel } from '../layout/index.ts'
import { Chart, type ChartProps, type ChartSeries } from './chart.tsx'

export interface SeriesChartProps {
  readonly title: string
  readonly unit: string
  readonly kind: ChartProps['kind']
  readonly series: readonly ChartSeries[]
  /** Epoch seconds. */
  readonly times: readonly number[]
  readonly columns: ReadonlyArray<ReadonlyArray<number | null>>
  /** Charts of one group show the same moment. */
  readonly group: string
  readonly format: (value: number) => string
  readonly timeText: (epochSeconds: number) => string
  /** What the legend shows while nothing is pointed at: the last column, or a sum of them. */
  readonly rest: { readonly note: string; readonly values: ReadonlyArray<number | null> }
  readonly spanText: string
  readonly children?: ComponentChildren
}

/** A chart in its panel, with a legend that tells the values of the moment that is pointed at. */
export function SeriesChart(props: SeriesChartProps) {
  const { title, unit, kind, series, times, columns, group, format, rest } = props
  const [pointed, setPointed] = useState<number | null>(null)
  const isPointed = pointed !== null && times[pointed] !== undefined
  const values = isPointed ? columns.map(column => column[pointed] ?? null) : rest.values
  const shown = series.map((each, i) => ({ ...each, text: textOf(values[i], format) }))
  const label = `${title}, ${props.spanText}. ${shown.map(each => `${each.name} ${each.text} ${unit}`).join(', ')}`
  const when = isPointed ? props.timeText(times[pointed]!) : rest.note
  return (
    <Panel title={title} note={`${unit}, ${when}`} class="chart-panel">
      <div class="legend">
        {shown.map(({ name, color, text }) => (
          <span key={name} class="legend-item">
            <span class="swatch" style={{ background: `var(${color})` }} />
            {name}
            <span class="legend-value num">{text}</span>
          </span>
        ))}
      </div>
      <Chart
        label={label}
        unit={unit}
        kind={kind}
        series={series}
        times={times}
        columns={columns}
        group={group}
        onPoint={setPointed}
      />
      {props.children}
    </Panel>
  )
}

function textOf(value: number | null | undefined, format: (value: number) => string): string {
  return value == null ? '–' : format(value)
}
