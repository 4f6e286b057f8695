import type { UsageSum } from '../../../src/usage/answers.ts'
import { count } from '../format/index.ts'

const PARTS = [
  ['cachedTokens', 'cached input'],
  ['cacheWrite5mTokens', 'written to caches (5 min)'],
  ['cacheWrite1hTokens', 'written to caches (1 h)'],
  ['reasoningTokens', 'reasoning'],
  ['audioInputTokens', 'audio input'],
  ['audioOutputTokens', 'audio output'],
  ['images', 'images'],
  ['toolCalls', 'tool calls'],
] as const satisfies ReadonlyArray<readonly [keyof UsageSum, string]>

/** Input and output of a sum, and the categories of it that were used. */
export function UsageParts({ sum }: { sum: UsageSum }) {
  const used = PARTS.filter(([name]) => sum[name] > 0)
  if (used.length === 0) return null
  return (
    <p class="muted" data-testid="usage-parts">
      {count(sum.promptTokens)} input, {count(sum.completionTokens)} output tokens; of these{' '}
      {used.map(([name, words]) => `${count(sum[name])} ${words}`).join(', ')}
    </p>
  )
}
