/** A figure and its unit, apart, so that each can be set in its own weight. */
export interface Figure {
  readonly value: string
  readonly unit: string
}

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** What stands for a figure that nobody knows. */
export const NONE = '–'

export function count(n: number): string {
  return Math.abs(n) >= 1_000_000 ? compact.format(n) : whole.format(n)
}

/** A figure of a setting: as exact as it was set. */
export function setting(n: number): string {
  return plain.format(n)
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0'
  return perSecond < 100 ? tenth.format(perSecond) : count(perSecond)
}

export function percent(share: number | null): Figure {
  if (share === null) return { value: NONE, unit: '%' }
  const value = share * 100
  return {
    value: value === 0 ? '0' : value < 0.05 ? '<0.1' : value < 10 ? tenth.format(value) : whole.format(value),
    unit: '%',
  }
}

export function duration(ms: number | null): Figure {
  if (ms === null) return { value: NONE, unit: 'ms' }
  if (ms < SECOND_MS) return { value: whole.format(ms), unit: 'ms' }
  if (ms < MINUTE_MS) return { value: (ms / SECOND_MS).toFixed(ms < 10 * SECOND_MS ? 2 : 1), unit: 's' }
  return { value: tenth.format(ms / MINUTE_MS), unit: 'min' }
}

/** A figure with its unit, as one text. */
export function textOf({ value, unit }: Figure): string {
  return `${value} ${unit}`
}

/** `4:07`, `1:04:09`, `2 d 3 h`: what is left of a time. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / SECOND_MS))
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days} d ${hours} h`
  const rest = `${hours > 0 ? pad(minutes) : minutes}:${pad(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

/** `12 s`, `4 min`, `3 h`, `2 d`: how long something has lasted, roughly. */
export function span(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.round(ms / SECOND_MS))} s`
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`
  return `${Math.floor(ms / DAY_MS)} d`
}

/** `contextFlood` and `context_flood` → `Context flood`. */
export function humanized(name: string): string {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[_-]+/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** From millionths: cents matter below ten, and fractions of them below one cent. */
export function dollars(micros: number): string {
  const amount = micros / 1_000_000
  if (amount === 0) return '0'
  return amount < 0.01 ? amount.toFixed(4) : amount < 1_000 ? amount.toFixed(2) : count(amount)
}

/** `12.4 MB`, by 1,000. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = n
  let unit = 0
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 || value >= 100 ? whole.format(value) : tenth.format(value)} ${units[unit]}`
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

function pad(n: number): string {
  return String(n).padStart(2, '0')
}

/** `21`, and `21.3` for an event of a batch: where in its stream an event is. */
export function placeText({ sequence, index }: { sequence: number; index?: number }): string {
  return index === undefined ? String(sequence) : `${sequence}.${index}`
}

/** `TOKENS:21` */
export function positionText(place: { stream: string; sequence: number; index?: number }): string {
  return `${place.stream}:${placeText(place)}`
}
