import type { Refusal } from '../http/index.ts'
import type { Admission, LimitName } from './limit-table.ts'

const LIMIT_CODES: Readonly<Record<LimitName, string>> = Object.freeze({
  tokens: 'rate_limit_exceeded',
  requests: 'requests_limit_exceeded',
  streams: 'streams_limit_exceeded',
  'user:tokens': 'rate_limit_exceeded',
  'user:requests': 'requests_limit_exceeded',
  'user:streams': 'streams_limit_exceeded',
  throttle: 'throttled',
})

/** Which limit said no, and when to come again; without a time, never by waiting. */
export function overLimit(
  { limit, waitMs, account, user, throttle }: Extract<Admission, { ok: false }>,
  reserved: number,
  headers: Readonly<Record<string, string>>,
): Refusal {
  const wait = Number.isFinite(waitMs) ? waitMs : undefined
  const again = wait === undefined ? '' : ` Please try again in ${(wait / 1_000).toFixed(1)} s.`
  const why: Readonly<Record<LimitName, string>> = {
    tokens: `Rate limit reached: this request reserves ${reserved} tokens.`,
    requests: `Rate limit reached: ${account.requests?.capacity} requests per minute.`,
    streams: `Rate limit reached: ${account.maxStreams} streams at once.`,
    'user:tokens': `Rate limit reached for this account: this request reserves ${reserved} tokens, and its keys share ${user?.tokens.capacity}.`,
    'user:requests': `Rate limit reached for this account: ${user?.requests?.capacity} requests per minute over all its keys.`,
    'user:streams': `Rate limit reached for this account: ${user?.maxStreams} streams at once over all its keys.`,
    throttle: `This key is throttled (${throttle?.reason ?? 'limit'}).`,
  }
  return {
    reason: limit === 'throttle' ? 'throttled' : 'rate_limited',
    code: LIMIT_CODES[limit],
    message: why[limit] + again,
    limit,
    ...(wait === undefined
      ? { headers: { ...headers, 'x-should-retry': 'false' } }
      : { headers, retryAfterMs: wait }),
  }
}
