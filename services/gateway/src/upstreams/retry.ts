import type { ResponseHeaders } from '../http/index.ts'
import type { RetryPolicy } from './routing-policy.ts'

/** The server says "later" or "not me"; 529 is Anthropic's "overloaded". */
const RETRYABLE = new Set([429, 500, 502, 503, 504, 529])

/**
 * Whether an answer is worth another try. 429 says that nothing was done, so it may be repeated whatever the call; an
 * upstream that sends `x-should-retry: false` knows better.
 */
export function isRetryableAnswer(status: number, headers: ResponseHeaders, repeatable: boolean): boolean {
  if (!RETRYABLE.has(status) || headers['x-should-retry'] === 'false') return false
  return repeatable || status === 429
}

/** What a status says of the upstream: undefined when it works. */
export function failureOf(status: number): 'away' | 'error' | undefined {
  if (status === 500) return 'error'
  return status !== 429 && RETRYABLE.has(status) ? 'away' : undefined
}

/**
 * `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110 section 10.2.3), in milliseconds from now.
 * 0 where there is none, or none that can be read.
 */
export function retryAfterMsOf(headers: ResponseHeaders, epochMs: number): number {
  const exact = Number(single(headers['retry-after-ms']) ?? Number.NaN)
  if (Number.isFinite(exact) && exact >= 0) return exact
  const text = single(headers['retry-after'])?.trim()
  if (text === undefined || text === '') return 0
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000
  const date = Date.parse(text)
  return Number.isNaN(date) ? 0 : Math.max(0, date - epochMs)
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** "Full jitter": anything from nothing to the doubled base, so that retries of many calls do not come together. */
export function backoffMs(
  retry: number,
  policy: Pick<RetryPolicy, 'baseDelayMs' | 'maxDelayMs'>,
  random: () => number,
): number {
  return random() * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** Math.min(retry, 30))
}
