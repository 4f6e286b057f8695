const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARS = 10

/** `5m`, `90s`, `2h`, `1d` ago, or an ISO 8601 time; epoch milliseconds. */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const span = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (span) return nowMs - Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS]
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}

/** The time in an id that is or ends in a ULID, epoch milliseconds. */
export function timeOfId(id: string): number | undefined {
  const ulid = /(?:^|[_-])([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(id)?.[1]
  if (ulid === undefined) return undefined
  let ms = 0
  for (const char of ulid.slice(0, TIME_CHARS)) ms = ms * 32 + CROCKFORD.indexOf(char)
  return ms
}
