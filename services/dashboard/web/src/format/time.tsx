import { useNow } from '../data/index.ts'
import { span } from './format.ts'

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })
const sameYear = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const full = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
  hourCycle: 'h23',
})

/** Local time; UTC on hover. Today's times leave the day out. */
export function Time({ at }: { at: number }) {
  const date = new Date(at)
  const now = new Date()
  const isToday = date.toDateString() === now.toDateString()
  const format = isToday ? clock : date.getFullYear() === now.getFullYear() ? sameYear : full
  return (
    <time class="num" dateTime={date.toISOString()} title={utc(at)}>
      {format.format(date)}
    </time>
  )
}

/** How long ago; the exact time, in UTC, on hover. */
export function Ago({ at }: { at: number }) {
  const now = useNow()
  return (
    <time class="num" dateTime={new Date(at).toISOString()} title={utc(at)}>
      {`${span(now - at)} ago`}
    </time>
  )
}

export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
