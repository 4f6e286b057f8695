import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { count, rate } from '../format/index.ts'
import { theme } from './theme.ts'

export interface ChartSeries {
  readonly name: string
  /** CSS custom property of its colour, such as `--series-good`; areas are filled with `…-soft`. */
  readonly color: string
}

export interface ChartProps {
  /** What it shows, for those who do not see it. */
  readonly label: string
  readonly unit: string
  readonly series: readonly ChartSeries[]
  /** Epoch seconds. */
  readonly times: readonly number[]
  /** One column per series; null where nothing is known. */
  readonly columns: ReadonlyArray<ReadonlyArray<number | null>>
  /** Bars that stand on each other, an area, or lines. */
  readonly kind: 'bars' | 'area' | 'lines'
  /** Charts of one group show the same moment. */
  readonly group: string
  readonly onPoint: (index: number | null) => void
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })
/** Longer axes name days. */
const CLOCK_SECONDS = 36 * 3_600
/** Seconds between two named times. The times name minutes: none stands within one. */
const TIME_STEPS = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200].concat(
  [1, 2, 5, 7, 10].map(days => days * 86_400),
)
const AXIS_PX = 46
/** Room for half of the last time. */
const RIGHT_PX = 20
const MIN_TOP = 4

/** A live time series. The canvas is drawn again with each second; its box never changes. */
export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot>(undefined)
  const latest = useRef(props)
  latest.current = props

  useEffect(() => {
    const element = box.current
    if (!element) return
    const draw = () => {
      plot.current?.destroy()
      plot.current = new UPlot(optionsOf(latest, element), dataOf(latest.current), element)
    }
    draw()
    const resize = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: element.clientHeight })
    })
    resize.observe(element)
    // Colours are read when the plot is made.
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    const offTheme = theme.subscribe(draw)
    // A canvas does not draw itself anew when the font comes.
    void document.fonts.ready.then(() => plot.current?.redraw())
    return () => {
      dark.removeEventListener('change', draw)
      offTheme()
      resize.disconnect()
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [])

  useEffect(() => {
    plot.current?.setData(dataOf(props))
  }, [props.times, props.columns])

  return <div ref={box} class="chart" role="img" aria-label={props.label} />
}

/** Bars are drawn from the tallest sum down, so that each part covers what is not its own. */
function dataOf({ kind, times, columns }: ChartProps): UPlot.AlignedData {
  if (kind !== 'bars') return [[...times], ...columns.map(column => [...column])]
  const sums: Array<Array<number | null>> = []
  let below: ReadonlyArray<number | null> = times.map(() => 0)
  for (const column of columns) {
    const base = below
    const sum = column.map((value, i) => (value === null ? null : value + (base[i] ?? 0)))
    sums.unshift(sum)
    below = sum
  }
  return [[...times], ...sums]
}

function optionsOf(latest: { current: ChartProps }, element: HTMLElement): UPlot.Options {
  const { kind, series, group } = latest.current
  const color = (property: string) => resolved(element, property)
  const [line, text] = [color('--line'), color('--muted')]
  const axis = {
    stroke: text,
    font: `11px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  }
  const ordered = kind === 'bars' ? [...series].reverse() : series
  const bars = UPlot.paths.bars!({ size: [1, 100], gap: 0 })
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [8, RIGHT_PX, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: group }, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, topOf(max)] } },
    axes: [
      {
        ...axis,
        size: 26,
        space: 70,
        incrs: TIME_STEPS,
        values: (_plot, splits) => timeTexts(latest.current.times, splits),
      },
      { ...axis, size: AXIS_PX, space: 34, values: (_plot, splits) => splits.map(axisText) },
    ],
    series: [
      {},
      ...ordered.map(({ color: property }) => {
        const ink = color(property)
        if (kind === 'bars') return { stroke: ink, fill: ink, width: 0, paths: bars, points: { show: false } }
        // A single step between two empty ones is no line: it is shown as a point.
        if (kind === 'lines')
          return { stroke: ink, width: 1.5, points: { size: 4, fill: ink, filter: lonely } }
        return { stroke: ink, fill: color(`${property}-soft`), width: 1.5, points: { show: false } }
      }),
    ],
    hooks: { setCursor: [plot => latest.current.onPoint(plot.cursor.idx ?? null)] },
  }
}

function timeTexts(times: readonly number[], splits: readonly number[]): string[] {
  const isLong = (times[times.length - 1] ?? 0) - (times[0] ?? 0) > CLOCK_SECONDS
  return splits.map(at => (isLong ? day : clock).format(at * 1_000))
}

/** Indices of values without a neighbour. */
function lonely(plot: UPlot, index: number): number[] {
  const values = plot.data[index] ?? []
  return [...values.keys()].filter(i => values[i] != null && values[i - 1] == null && values[i + 1] == null)
}

/** A round number above the highest value, so that the scale does not twitch with each second. */
function topOf(max: number | null): number {
  const wanted = Math.max(MIN_TOP, (max ?? 0) * 1.05)
  const magnitude = 10 ** Math.floor(Math.log10(wanted))
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find(each => each * magnitude >= wanted) ?? 10
  return step * magnitude
}

function axisText(value: number): string {
  return Number.isInteger(value) ? (value >= 10_000 ? compactText(value) : count(value)) : rate(value)
}

function compactText(value: number): string {
  return value >= 1_000_000 ? count(value) : `${value / 1_000} k`
}

/** A custom property's colour as it is here and now: `light-dark()` says nothing to a canvas. */
function resolved(element: HTMLElement, property: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${property})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
