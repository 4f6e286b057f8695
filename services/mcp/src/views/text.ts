import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '@fluxgate/contracts'

const MAX_QUOTED_CHARS = 200

/** `340 ms`, `2.5 s`, `12 min`, `3.2 h`, `2.1 d`. */
export function spanText(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`
  if (ms < MINUTE_MS) return `${rounded(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return `${rounded(ms / MINUTE_MS)} min`
  return ms < DAY_MS ? `${rounded(ms / HOUR_MS)} h` : `${rounded(ms / DAY_MS)} d`
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

export function isoTimeOrNull(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : isoTime(ms)
}

/**
 * Text that came from outside, as a quotation: in quotes, without control and direction characters, and cut, so that
 * it cannot pass for words of this server.
 */
export function quoted(text: string, maxChars = MAX_QUOTED_CHARS): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return JSON.stringify(plain.length > maxChars ? `${plain.slice(0, maxChars)}…` : plain)
}

function rounded(value: number): number {
  return value < 10 ? Math.round(value * 10) / 10 : Math.round(value)
}
