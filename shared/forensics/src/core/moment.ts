const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `5m`, `90s`, `2h`, `1d` ago, or an ISO 8601 time; epoch milliseconds. */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const span = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (span) return nowMs - Number(span[1]) * UNIT_MS[span[2] as keyof typeof UNIT_MS]
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}
