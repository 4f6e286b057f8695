import { DAY_MS } from '@fluxgate/contracts'

const PREFIX = 'req_'
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARS = 10
const DIGITS: readonly number[] = Array.from({ length: 128 }, (_, code) =>
  ALPHABET.indexOf(String.fromCharCode(code)),
)

/** The day (days since 1970, UTC) that the ULID in a request's id tells; undefined for ids of another form. */
export function dayOfRequest(id: string): number | undefined {
  if (!id.startsWith(PREFIX) || id.length < PREFIX.length + TIME_CHARS) return undefined
  let ms = 0
  for (let i = PREFIX.length; i < PREFIX.length + TIME_CHARS; i++) {
    const digit = DIGITS[id.charCodeAt(i)] ?? -1
    if (digit === -1) return undefined
    ms = ms * 32 + digit
  }
  return dayOf(ms)
}

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** `2026-11-23` */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}
