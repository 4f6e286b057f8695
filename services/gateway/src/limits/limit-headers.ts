import type { Dialect } from '../dialects/index.ts'
import type { Account } from './account.ts'
import type { TokenBucket } from './token-bucket.ts'
import { USER_SLACK } from './users.ts'

/** Whole names: put together for each answer they cost more than the figures. */
const NAMES = Object.freeze({
  tokens: {
    limit: 'x-ratelimit-limit-tokens',
    remaining: 'x-ratelimit-remaining-tokens',
    reset: 'x-ratelimit-reset-tokens',
  },
  requests: {
    limit: 'x-ratelimit-limit-requests',
    remaining: 'x-ratelimit-remaining-requests',
    reset: 'x-ratelimit-reset-requests',
  },
})
type Name = keyof typeof NAMES

const TENTHS_A_MINUTE = 600
const MS_A_TENTH = 100
/** A hundred years. */
const NEVER_MS = 3.16e12

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as OpenAI names them, of the strictest bucket; and for
 * Anthropic's clients `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}` besides. Where all keys of the user
 * together have less left than the identity, they are of the user. What never fills again
 * (in a hundred years) has no reset.
 */
export function limitHeaders(
  account: Account,
  user: Account | undefined,
  dialect: Dialect['name'],
  nowMs: number,
  epochMs: number,
): Record<string, string> {
  const headers: Record<string, string> = {}
  const shared = tighter(account.tokens, user?.tokens, nowMs)
  const penalty = account.penalty?.bucket
  const tokens =
    penalty && (shared === account.tokens || penalty.level(nowMs) <= shared.level(nowMs)) ? penalty : shared
  const requests = account.requests && tighter(account.requests, user?.requests, nowMs)
  writeBucketHeaders(headers, 'tokens', tokens, nowMs)
  if (requests) writeBucketHeaders(headers, 'requests', requests, nowMs)
  if (dialect === 'anthropic') {
    writeAnthropicHeaders(headers, 'tokens', tokens, nowMs, epochMs)
    if (requests) writeAnthropicHeaders(headers, 'requests', requests, nowMs, epochMs)
  }
  return headers
}

function tighter(own: TokenBucket, shared: TokenBucket | undefined, nowMs: number): TokenBucket {
  return shared && shared.level(nowMs) + USER_SLACK < own.level(nowMs) ? shared : own
}

function writeBucketHeaders(
  headers: Record<string, string>,
  name: Name,
  bucket: TokenBucket,
  nowMs: number,
): void {
  const fullInMs = bucket.fullInMs(nowMs)
  const names = NAMES[name]
  headers[names.limit] = String(bucket.capacity)
  headers[names.remaining] = remaining(bucket, nowMs)
  if (fullInMs < NEVER_MS) headers[names.reset] = durationText(fullInMs)
}

function writeAnthropicHeaders(
  headers: Record<string, string>,
  name: Name,
  bucket: TokenBucket,
  nowMs: number,
  epochMs: number,
): void {
  const fullInMs = bucket.fullInMs(nowMs)
  headers[`anthropic-ratelimit-${name}-limit`] = String(bucket.capacity)
  headers[`anthropic-ratelimit-${name}-remaining`] = remaining(bucket, nowMs)
  if (fullInMs < NEVER_MS) {
    headers[`anthropic-ratelimit-${name}-reset`] = timeText(epochMs + fullInMs)
  }
}

function remaining(bucket: TokenBucket, nowMs: number): string {
  return String(Math.max(0, Math.floor(bucket.level(nowMs))))
}

/** Texts below a minute, by tenths of a second: nearly all that are asked for. */
const SHORT: readonly string[] = Array.from({ length: TENTHS_A_MINUTE }, (_, tenths) => secondsText(tenths))

/** As OpenAI writes durations, rounded up to a tenth of a second: `0s`, `1.2s`, `6m0s`, `2h0m0s`. */
export function durationText(ms: number): string {
  const tenths = Math.ceil(ms / MS_A_TENTH)
  if (tenths < TENTHS_A_MINUTE) return SHORT[tenths]!
  const minutes = Math.floor(tenths / TENTHS_A_MINUTE)
  const rest = SHORT[tenths % TENTHS_A_MINUTE]!
  return minutes < 60 ? `${minutes}m${rest}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}`
}

function secondsText(tenths: number): string {
  const seconds = Math.floor(tenths / 10)
  return tenths % 10 === 0 ? `${seconds}s` : `${seconds}.${tenths % 10}s`
}

/** RFC 3339 in UTC, rounded up to the second. */
function timeText(epochMs: number): string {
  return `${new Date(Math.ceil(epochMs / 1_000) * 1_000).toISOString().slice(0, 19)}Z`
}
