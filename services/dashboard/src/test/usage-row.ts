import type { NewRow } from '@fluxgate/read-model'
import { DEVELOPER } from './test-env.ts'

/** Two requests of the developer in the minute of that time (epoch milliseconds), the first 100 tokens of them prompts. */
export function usageRow(atMs: number, tokens: number): NewRow<'usage_minutes'> {
  return {
    minute: new Date(Math.floor(atMs / 60_000) * 60_000),
    user_id: DEVELOPER.id,
    key_id: 'k_1',
    model: 'm',
    upstream: 'up',
    admitted: 2,
    refused: 1,
    completed: 2,
    failed: 0,
    interrupted: 0,
    settled: 2,
    prompt_tokens: 100,
    completion_tokens: tokens - 100,
    total_tokens: tokens,
    duration_ms_sum: 10,
    first_byte_ms_sum: 6,
    first_byte_count: 2,
    bytes: 100,
  }
}
