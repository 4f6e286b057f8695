import { type FluxgateEvent, HOUR_MS, MINUTE_MS, positionText, SECOND_MS } from '@fluxgate/contracts'
import type { Step } from '@fluxgate/forensics'
import type { ShownEvent } from './live-log.ts'
import { jsonLine, type Paint, plain, type Tone } from './paint.ts'

const BAD = [
  'refused',
  'failed',
  'interrupted',
  'login_failed',
  'key_rejected',
  'key_revoked',
  'imposed',
  'opened',
]
const GOOD = ['completed', 'settled', 'login_succeeded', 'pardoned', 'closed']
const FACT_CHARS = 21

/** What `--json` prints of an event. */
export function eventJson(entry: ShownEvent, more: object = {}): string {
  const { stream, sequence, index, storedAtMs, subject, event } = entry
  const storedAt = storedAtMs === null ? null : new Date(storedAtMs).toISOString()
  return jsonLine({ stream, sequence, index, storedAt, subject, ...more, event })
}

/** One event on one line: time, event, whom it is about, place, and the rest of its data. */
export function eventLine(entry: ShownEvent, paint: Paint): string {
  return `${paint.dim(entry.event.time)} ${eventText(entry, paint)}`
}

/** As {@link eventLine}, with the delays in place of the time. */
export function stepLine(step: Step, paint: Paint): string {
  const start = `+${spanText(step.sinceStartMs)}`.padStart(10)
  const last = `(+${spanText(step.sinceLastMs)})`.padEnd(12)
  return `${start} ${paint.dim(last)} ${eventText(step, paint)}`
}

/** An event in full, on many lines. */
export function eventPage(entry: ShownEvent, paint: Paint): string {
  const { storedAtMs, subject, event } = entry
  const stored = storedAtMs === null ? '' : `, stored ${new Date(storedAtMs).toISOString()}`
  const body = JSON.stringify(event, null, 2)
    .split('\n')
    .map(line => plain(line))
    .join('\n')
  return `${paint.strong(placeText(entry))} ${plain(subject)}${stored}\n${body}`
}

function placeText(entry: ShownEvent): string {
  return entry.sequence === null ? entry.stream : positionText(entry)
}

function eventText(entry: ShownEvent, paint: Paint): string {
  const { event } = entry
  return [
    paint.tone(toneOf(event), nameOf(event).padEnd(FACT_CHARS)),
    paint.strong(plain(event.subject)),
    paint.dim(placeText(entry)),
    dataText(event),
  ].join(' ')
}

function dataText({ data }: FluxgateEvent): string {
  return Object.entries(data)
    .filter(([name]) => name !== 'user' && name !== 'key')
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ')
}

/** Words as they are, everything else so that it cannot be taken for the next field. */
function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+-]+$/.test(value)) return value
  return plain(JSON.stringify(value) ?? '')
}

function nameOf(event: FluxgateEvent): string {
  return event.type.slice('fluxgate.'.length)
}

function toneOf(event: FluxgateEvent): Tone {
  const entry = nameOf(event).split('.')[1] ?? ''
  return BAD.includes(entry) ? 'bad' : GOOD.includes(entry) ? 'good' : 'calm'
}

export function spanText(ms: number): string {
  if (Math.abs(ms) < SECOND_MS) return `${Math.round(ms)} ms`
  if (Math.abs(ms) < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(2)} s`
  return Math.abs(ms) < HOUR_MS ? `${(ms / MINUTE_MS).toFixed(1)} min` : `${(ms / HOUR_MS).toFixed(1)} h`
}

/** Rows as text columns, each as wide as its widest cell; numbers stand at the right. */
export function columns(rows: ReadonlyArray<ReadonlyArray<string | number>>): string[] {
  const cells = rows.map(row =>
    row.map(cell => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)),
  )
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  const isNumber = widths.map((_, column) => rows.slice(1).some(row => typeof row[column] === 'number'))
  return cells.map(row =>
    row
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
