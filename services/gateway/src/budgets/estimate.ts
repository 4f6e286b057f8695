import { costMicros, type Price } from '@fluxgate/contracts'
import type { CallFacts } from '../dialects/index.ts'
import type { Amount } from './ledger.ts'

export interface EstimateLimits {
  /** Tokens reserved for an answer when the caller sets no limit. */
  readonly defaultCompletionTokens: number
  /** The most that is reserved for one answer, whatever the caller asks for. */
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
 * Pre-flight estimate: 50 a call, the prompt's tokens (never less than a quarter of its characters; the error is stated
 * at `promptSize`), and room for every answer; at most `capacity`, so that no call leaves a debt that it did not use.
 */
export function estimate(call: CallFacts, limits: EstimateLimits, capacity: number): Estimate {
  const prompt = BASE_TOKENS + Math.max(Math.ceil(call.prompt.chars / 4), call.prompt.tokens)
  const each = Math.min(call.maxTokens ?? limits.defaultCompletionTokens, limits.maxCompletionTokens)
  return { prompt, reserved: Math.min(prompt + call.answers * each, Math.max(1, Math.floor(capacity))) }
}

/** What a call holds of its budgets: the tokens that it reserves, and what they cost when none is read from a cache. */
export function reservedAmount({ prompt, reserved }: Estimate, price: Price | undefined): Amount {
  if (!price) return { tokens: reserved, micros: 0 }
  const output = Math.max(0, reserved - prompt)
  return { tokens: reserved, micros: costMicros(price, { input: reserved - output, output }) }
}
