import { type DataOf, type TokensSettled, toolCalls } from '@fluxgate/contracts'

/** What settlements are added up by, and compared in, to the token and the millionth of a dollar. */
export const SETTLED_COUNTS = [
  'promptTokens',
  'completionTokens',
  'totalTokens',
  'cachedTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'reasoningTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'images',
  'toolCalls',
  'costMicros',
] as const

export type SettledCounts = Record<(typeof SETTLED_COUNTS)[number], number>

export interface SettledSum extends SettledCounts {
  settled: number
}

export function countsOfSettled({ usage, total, costMicros }: DataOf<typeof TokensSettled>): SettledCounts {
  return {
    promptTokens: usage.input,
    completionTokens: usage.output,
    totalTokens: total,
    cachedTokens: usage.cachedInput ?? 0,
    cacheWrite5mTokens: usage.cacheWrite5m ?? 0,
    cacheWrite1hTokens: usage.cacheWrite1h ?? 0,
    reasoningTokens: usage.reasoning ?? 0,
    audioInputTokens: usage.audioInput ?? 0,
    audioOutputTokens: usage.audioOutput ?? 0,
    images: usage.images ?? 0,
    toolCalls: toolCalls(usage),
    costMicros: costMicros ?? 0,
  }
}

export function noSettled(): SettledSum {
  const none = Object.fromEntries(SETTLED_COUNTS.map(name => [name, 0])) as SettledCounts
  return { settled: 0, ...none }
}

export function addSettled(sum: SettledSum, counts: SettledCounts, settled = 1): void {
  sum.settled += settled
  for (const name of SETTLED_COUNTS) sum[name] += counts[name]
}

/** Names of the counts that two of them do not agree in. */
export function differingCounts(a: SettledCounts, b: SettledCounts): Array<keyof SettledCounts> {
  return SETTLED_COUNTS.filter(name => a[name] !== b[name])
}
