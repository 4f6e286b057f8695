import type { LatencyStep, MetricsView, UsageStep } from '../../../src/usage/answers.ts'
import { type ChartSeries, SeriesChart } from '../charts/index.ts'
import { count, duration } from '../format/index.ts'

const SECOND_MS = 1_000
const stepTime = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', month: 'short', day: 'numeric' })

interface Drawn<Step> extends ChartSeries {
  readonly figure: (step: Step) => number | null
}

const REQUESTS: readonly Drawn<UsageStep>[] = [
  { name: 'Completed', color: '--series-good', figure: step => step.completed },
  { name: 'Refused', color: '--series-warn', figure: step => step.refused },
  { name: 'Failed', color: '--series-bad', figure: step => step.failed },
  { name: 'Interrupted', color: '--series-quiet', figure: step => step.interrupted },
]
const TOKENS: readonly Drawn<UsageStep>[] = [
  { name: 'Prompt', color: '--series-prompt', figure: step => step.promptTokens },
  { name: 'Completion', color: '--series-tokens', figure: step => step.completionTokens },
]
const LATENCY: readonly Drawn<LatencyStep>[] = [
  { name: 'p50', color: '--series-good', figure: step => step.p50Ms },
  { name: 'p95', color: '--series-warn', figure: step => step.p95Ms },
  { name: 'p99', color: '--series-bad', figure: step => step.p99Ms },
]
const FIRST_TOKEN: readonly Drawn<LatencyStep>[] = [
  { name: 'p50', color: '--series-good', figure: step => step.firstByteP50Ms },
  { name: 'p95', color: '--series-warn', figure: step => step.firstByteP95Ms },
  { name: 'p99', color: '--series-bad', figure: step => step.firstByteP99Ms },
]

type Steps = Pick<MetricsView, 'bucket' | 'steps'>

/** Requests and tokens of a range, in stacked bars. */
export function UsageCharts({ usage, spanText }: { usage: Steps; spanText: string }) {
  const shared = { steps: usage.steps, kind: 'bars', bucket: usage.bucket, spanText } as const
  const sumOf = <Step extends UsageStep>(drawn: readonly Drawn<Step>[]) =>
    drawn.map(({ figure }) => (usage.steps as Step[]).reduce((sum, step) => sum + (figure(step) ?? 0), 0))
  return (
    <div class="two charts">
      <RangeChart
        {...shared}
        title="Requests"
        unit={`req/${usage.bucket}`}
        drawn={REQUESTS}
        format={count}
        rest={{ note: 'total', values: sumOf(REQUESTS) }}
      />
      <RangeChart
        {...shared}
        title="Tokens"
        unit={`tok/${usage.bucket}`}
        drawn={TOKENS}
        format={count}
        rest={{ note: 'total', values: sumOf(TOKENS) }}
      />
    </div>
  )
}

/** How long calls took, and how long until they said something. */
export function LatencyCharts({ metrics, spanText }: { metrics: MetricsView; spanText: string }) {
  const { latency, bucket } = metrics
  const steps = filled(metrics)
  const shared = { steps, kind: 'lines', bucket, spanText, unit: 'ms', format: timeText } as const
  return (
    <div class="two charts">
      <RangeChart
        {...shared}
        title="Latency"
        drawn={LATENCY}
        rest={{ note: 'whole range', values: [latency.p50Ms, latency.p95Ms, latency.p99Ms] }}
      />
      <RangeChart
        {...shared}
        title="Time to first token"
        drawn={FIRST_TOKEN}
        rest={{
          note: 'whole range',
          values: [latency.firstByteP50Ms, latency.firstByteP95Ms, latency.firstByteP99Ms],
        }}
      />
    </div>
  )
}

function RangeChart<Step extends { readonly at: number }>(props: {
  title: string
  unit: string
  kind: 'bars' | 'lines'
  bucket: MetricsView['bucket']
  drawn: readonly Drawn<Step>[]
  steps: readonly Step[]
  format: (value: number) => string
  rest: { readonly note: string; readonly values: ReadonlyArray<number | null> }
  spanText: string
}) {
  const { title, unit, kind, bucket, drawn, steps, format, rest, spanText } = props
  const timeFormat = bucket === 'day' ? day : stepTime
  return (
    <SeriesChart
      // A chart reads its axis once: another grain is another chart.
      key={bucket}
      title={title}
      unit={unit}
      kind={kind}
      series={drawn}
      times={steps.map(step => step.at / SECOND_MS)}
      columns={drawn.map(({ figure }) => steps.map(figure))}
      group="range"
      format={format}
      timeText={at => timeFormat.format(at * SECOND_MS)}
      rest={rest}
      spanText={spanText}
    />
  )
}

/** A step in which nothing ended has no percentiles: the line is broken there. */
function filled({ steps, latencySteps }: MetricsView): LatencyStep[] {
  const known = new Map(latencySteps.map(step => [step.at, step]))
  const none = { p50Ms: null, p95Ms: null, p99Ms: null }
  const noneFirst = { firstByteP50Ms: null, firstByteP95Ms: null, firstByteP99Ms: null }
  return steps.map(({ at }) => known.get(at) ?? { at, count: 0, ...none, ...noneFirst })
}

function timeText(ms: number): string {
  const { value, unit } = duration(ms)
  return `${value} ${unit}`
}
