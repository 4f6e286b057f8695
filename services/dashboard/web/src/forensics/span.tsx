import { navigate, useRoute } from '../router/index.ts'

/** Which part of the log is meant: a stretch back from now, or from one time to another. */
export interface Span {
  readonly from: number | undefined
  readonly to: number | undefined
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const STRETCHES = [
  { name: '15m', text: 'Last 15 min', ms: 15 * MINUTE_MS },
  { name: '1h', text: 'Last hour', ms: HOUR_MS },
  { name: '24h', text: 'Last 24 h', ms: DAY_MS },
  { name: '7d', text: 'Last 7 d', ms: 7 * DAY_MS },
  { name: 'all', text: 'All retained events', ms: undefined },
] as const
export type StretchName = (typeof STRETCHES)[number]['name']

/** The address's part of the log as it is at a moment. */
export function spanAt(query: URLSearchParams, fallback: StretchName, nowMs: number): Span {
  const [from, to] = [timeOf(query.get('from')), timeOf(query.get('to'))]
  if (from !== undefined || to !== undefined) return { from, to }
  const { ms } = stretchOf(query, fallback)
  return ms === undefined ? { from: undefined, to: undefined } : { from: nowMs - ms, to: undefined }
}

function stretchOf(query: URLSearchParams, fallback: StretchName) {
  const asked = query.get('range')
  return STRETCHES.find(({ name }) => name === asked) ?? STRETCHES.find(({ name }) => name === fallback)!
}

function timeOf(text: string | null): number | undefined {
  const ms = text === null ? Number.NaN : Date.parse(text)
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

/** The address with some fields changed; empty ones are left out. */
export function withQuery(
  path: string,
  query: URLSearchParams,
  changes: Record<string, string | undefined>,
): string {
  const next = new URLSearchParams(query)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')
  return text === '' ? path : `${path}?${text}`
}

/** Local time as a `datetime-local` field takes it. */
export function localText(ms: number | undefined): string {
  if (ms === undefined) return ''
  return new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 19)
}

/** What such a field holds, as the address does: UTC. */
export function utcText(local: string): string | undefined {
  const ms = Date.parse(local)
  return Number.isFinite(ms) ? new Date(ms).toISOString() : undefined
}

/** A stretch, or two exact times; the address holds them. */
export function SpanFields({ path, fallback }: { path: string; fallback: StretchName }) {
  const { query } = useRoute()
  const { from, to } = spanAt(query, fallback, 0)
  const isExact = query.has('from') || query.has('to')
  const change = (changes: Record<string, string | undefined>) => navigate(withQuery(path, query, changes))
  return (
    <>
      <label class="field">
        <span>Range</span>
        <select
          data-testid="range"
          value={isExact ? 'exact' : stretchOf(query, fallback).name}
          onChange={event => {
            const { value } = event.currentTarget
            if (value === 'exact')
              change({ from: new Date(Date.now() - HOUR_MS).toISOString(), range: undefined })
            else change({ range: value === fallback ? undefined : value, from: undefined, to: undefined })
          }}
        >
          {STRETCHES.map(({ name, text }) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
          <option value="exact">From … to …</option>
        </select>
      </label>
      {isExact && (
        <>
          <TimeField label="From" value={from} onChange={text => change({ from: text, range: undefined })} />
          <TimeField label="To" value={to} onChange={text => change({ to: text, range: undefined })} />
        </>
      )}
    </>
  )
}

/** Local time to the second; UTC on hover. */
export function TimeField(props: {
  label: string
  value: number | undefined
  testId?: string
  onChange: (utc: string | undefined) => void
}) {
  const { label, value, testId, onChange } = props
  return (
    <label class="field" title={value === undefined ? 'open' : new Date(value).toISOString()}>
      <span>{label} (local)</span>
      <input
        type="datetime-local"
        step={1}
        data-testid={testId}
        value={localText(value)}
        onChange={event => onChange(utcText(event.currentTarget.value))}
      />
    </label>
  )
}
