/** Which pages of other origins may read answers (Fetch standard, section 3.2). Off unless origins are listed. */
export interface CorsPolicy {
  readonly origins: ReadonlySet<string>
  readonly any: boolean
}

export function corsPolicy(origins: readonly string[]): CorsPolicy | undefined {
  if (origins.length === 0) return undefined
  return { origins: new Set(origins), any: origins.includes('*') }
}

/** How long a browser may remember a preflight's answer, in seconds; Chromium takes two hours at most. */
const MAX_AGE_SECONDS = 600
const FIELD_NAMES = /^[A-Za-z0-9-]+(?:\s*,\s*[A-Za-z0-9-]+)*$/
const MAX_FIELD_NAMES = 1_024

/** What browser code may read of an answer, besides the few headers that it always may. */
const EXPOSED = [
  'x-request-id',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-fluxgate-overhead-ms',
  'x-fluxgate-budget-warning',
  'x-fluxgate-budget-remaining-tokens',
  'x-fluxgate-budget-remaining-usd',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
].join(', ')

/**
 * Headers for an answer to a page of `origin`, or undefined when that page may not read it. Never with credentials:
 * calls carry a key of their own, and cookies belong to the portal, which no other origin may use.
 */
export function corsHeaders(policy: CorsPolicy, origin: string): Record<string, string> | undefined {
  if (!policy.any && !policy.origins.has(origin)) return undefined
  return {
    'access-control-allow-origin': policy.any ? '*' : origin,
    'access-control-expose-headers': EXPOSED,
    ...(policy.any ? {} : { vary: 'Origin' }),
  }
}

/** What a preflight is told besides {@link corsHeaders}. */
export function preflightHeaders(allowed: string, asked: string | undefined): Record<string, string> {
  const names = asked !== undefined && asked.length <= MAX_FIELD_NAMES && FIELD_NAMES.test(asked) ? asked : ''
  return {
    'access-control-allow-methods': allowed,
    'access-control-allow-headers': names === '' ? 'authorization, content-type, x-api-key' : names,
    'access-control-max-age': String(MAX_AGE_SECONDS),
  }
}
