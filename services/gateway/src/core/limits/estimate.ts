import type { CallFacts } from '../dialect/dialect.ts'

export interface EstimateLimits {
  /** Tokens reserved for the answer when the caller sets no limit. */
  readonly defaultCompletionTokens: number
  /** The most that is reserved for the answer, whatever the caller asks for. */
  readonly maxCompletionTokens: number
}

/** Each call costs at least this much. */
export const BASE_TOKENS = 50

export interface Estimate {
  readonly prompt: number
  /** Prompt and answer. */
  readonly reserved: number
}

/**
 * Pre-flight estimate: 50 a call, a quarter of the prompt's characters, and room for the answer; at most `capacity`, so
 * that no call leaves a debt behind that it did not use.
 */
export function estimate(call: CallFacts, limits: EstimateLimits, capacity: number): Estimate {
  const prompt = BASE_TOKENS + Math.ceil(call.promptChars / 4)
  const answer = Math.min(call.maxTokens ?? limits.defaultCompletionTokens, limits.maxCompletionTokens)
  return { prompt, reserved: Math.min(prompt + answer, Math.max(1, Math.floor(capacity))) }
}
