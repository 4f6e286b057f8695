import { useEffect, useMemo } from 'preact/hooks'
import type { StatesView, StateView } from '../../../src/forensics/answers.ts'
import { Time } from '../format/index.ts'
import { Loading, PageHead } from '../layout/index.ts'
import { navigate, useRoute } from '../router/index.ts'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { type Job, useJob } from './job.ts'
import { JobBar } from './job-bar.tsx'
import { Dropped } from './links.tsx'
import { SpanFields, spanAt, TimeField, withQuery } from './span.tsx'
import { StateShown } from './state-shown.tsx'

const PATH = '/forensics/state'
const STOPS = 60
const HOUR_MS = 3_600_000
const API = '/api/forensics/states'

/**
 * What the system knew at a moment, rebuilt from the log. The slider's stops come out of one reading; an exact time that is
 * none of them has a reading of its own.
 */
export function StateAt() {
  const { query } = useRoute()
  const range = `${query.get('range')} ${query.get('from')} ${query.get('to')}`
  const stops = useMemo(() => stopsOf(query, Date.now()), [range])
  const strip = useJob<StatesView>(API)
  const exact = useJob<StatesView>(API)
  const askedAt = Date.parse(query.get('at') ?? '')
  const at = Number.isFinite(askedAt) ? askedAt : stops[stops.length - 1]!
  const isStop = stops.includes(at)
  useEffect(() => strip.run({ moments: stops }), [stops])
  useEffect(() => {
    if (!isStop) exact.run({ moments: [at] })
  }, [at, isStop])
  const state = find(strip, at) ?? find(exact, at)
  const choose = (ms: number) =>
    navigate(withQuery(PATH, query, { at: new Date(ms).toISOString() }), { replace: true })
  return (
    <>
      <PageHead title="State at">
        <ForensicsTabs here={PATH} />
      </PageHead>
      <section class="panel" aria-label="Moment">
        <div class="moment-fields">
          <SpanFields path={PATH} fallback="1h" />
          <TimeField
            label="Moment"
            testId="moment"
            value={at}
            onChange={text => text && navigate(withQuery(PATH, query, { at: text }))}
          />
          <JobBar
            job={isStop ? strip : exact}
            retry={() => (isStop ? strip.run({ moments: stops }) : exact.run({ moments: [at] }))}
          />
          <p class="moment-now" aria-live="polite">
            <Time at={at} />
          </p>
        </div>
        <Slider stops={stops} at={at} states={strip.value?.states ?? []} onChoose={choose} />
      </section>
      <Dropped dropped={strip.value?.dropped ?? exact.value?.dropped ?? []} />
      {state ? <StateShown state={state} /> : (isStop ? strip : exact).running && <Loading rows={8} />}
    </>
  )
}

function find({ value }: Job<StatesView>, at: number): StateView | undefined {
  return value?.states.find(state => state.at === at)
}

/** Whole seconds, so that an exact time can be one of them. */
function stopsOf(query: URLSearchParams, nowMs: number): number[] {
  const { from, to = nowMs } = spanAt(query, '1h', nowMs)
  const end = Math.floor(to / 1_000) * 1_000
  const begin = Math.min(from ?? end - 30 * 24 * HOUR_MS, end - STOPS * 1_000)
  const stops = Array.from({ length: STOPS }, (_, i) => begin + ((end - begin) * i) / (STOPS - 1))
  return stops.map(ms => Math.max(0, Math.round(ms / 1_000) * 1_000))
}

const HEIGHT = 44

function Slider(props: {
  stops: readonly number[]
  at: number
  states: readonly StateView[]
  onChoose: (ms: number) => void
}) {
  const { stops, at, states, onChoose } = props
  const index = nearest(stops, at)
  const grown = stops.map(
    (_, i) => (states[i]?.totals.totalTokens ?? 0) - (states[i - 1]?.totals.totalTokens ?? 0),
  )
  const most = Math.max(1, ...grown.slice(1))
  return (
    <div class="moment-slider">
      <svg viewBox={`0 0 ${STOPS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        {grown.map((tokens, i) => {
          if (i === 0) return null
          const height = (Math.max(0, tokens) / most) * (HEIGHT - 6)
          const isBad = (states[i]?.throttleCount ?? 0) > 0
          return (
            <g key={stops[i]} class={i <= index ? 'is-past' : ''}>
              <rect x={i - 0.9} y={HEIGHT - 4 - height} width={0.8} height={height} class="moment-bar" />
              {isBad && <rect x={i - 0.9} y={HEIGHT - 3} width={0.8} height={3} class="moment-throttled" />}
            </g>
          )
        })}
      </svg>
      <input
        type="range"
        aria-label="Moment"
        data-testid="moment-slider"
        min={0}
        max={stops.length - 1}
        step={1}
        value={index}
        aria-valuetext={new Date(stops[index]!).toLocaleString()}
        onInput={event => onChoose(stops[Number(event.currentTarget.value)]!)}
      />
      <div class="moment-ends muted">
        <Time at={stops[0]!} />
        <span class="moment-legend">Bars: tokens settled between two stops. Red: a throttle was active.</span>
        <Time at={stops[stops.length - 1]!} />
      </div>
    </div>
  )
}

function nearest(stops: readonly number[], at: number): number {
  let best = 0
  for (const [i, stop] of stops.entries()) if (Math.abs(stop - at) < Math.abs(stops[best]! - at)) best = i
  return best
}
