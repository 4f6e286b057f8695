import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { TierName } from '../tier.ts'
import { Dialect, DurationMs, identityFields, RequestId, record, ShortText, Tokens } from './fields.ts'

/** A request passed authentication, throttle and bucket; `reserved` tokens were taken (the reservation rides here). */
export const RequestAdmitted = defineEvent(
  'requests',
  'admitted',
  2,
  record({
    request: RequestId,
    ...identityFields,
    tier: TierName,
    dialect: Dialect,
    method: Type.String({ maxLength: 16 }),
    path: ShortText,
    model: ShortText,
    stream: Type.Boolean(),
    address: ShortText,
    agent: Type.Optional(ShortText),
    promptChars: Tokens,
    promptEstimate: Tokens,
    reserved: Tokens,
  }),
)

export const RefusalReason = Type.Union([
  Type.Literal('invalid_request'),
  Type.Literal('unauthenticated'),
  Type.Literal('forbidden'),
  Type.Literal('not_found'),
  Type.Literal('too_large'),
  Type.Literal('rate_limited'),
  Type.Literal('throttled'),
  Type.Literal('overloaded'),
  Type.Literal('unavailable'),
  Type.Literal('over_budget'),
  Type.Literal('unsupported'),
  Type.Literal('method_not_allowed'),
  Type.Literal('timeout'),
])

/**
 * Requests were turned away before any upstream saw them. The first is reported at once; those that follow for the same
 * reason are counted, and reported together. The fields are those of the first of them. Of callers without an identity
 * (`anonymous`) they are stored in REFUSALS.
 */
export const RequestRefused = defineEvent(
  'requests',
  'refused',
  3,
  record({
    request: RequestId,
    ...identityFields,
    method: Type.String({ maxLength: 16 }),
    path: ShortText,
    model: ShortText,
    address: ShortText,
    agent: Type.Optional(ShortText),
    reason: RefusalReason,
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    retryAfterMs: Type.Optional(DurationMs),
    /** Which limit said no: `tokens`, `requests`, `streams` (with `user:` before it, the limit of all keys of the user), `throttle` or `budget:<name>`. */
    limit: Type.Optional(ShortText),
    /** Requests that this event represents. */
    count: Type.Integer({ minimum: 1 }),
    /** The time in which they came, before the event's own; 0 for a single one. */
    windowMs: DurationMs,
  }),
  'refusals',
)

const ending = {
  request: RequestId,
  ...identityFields,
  /** The model that was asked for. */
  model: ShortText,
  /** The model that answered, as the answer names it; absent when none was named and no fallback took over. */
  answered: Type.Optional(ShortText),
  upstream: ShortText,
  /** As the upstream sent it: HTTP allows any three digits. 0 when there was none. */
  status: Type.Integer({ minimum: 0, maximum: 999 }),
  durationMs: DurationMs,
  /** Time to the first byte of the upstream's body; absent when none came. */
  firstByteMs: Type.Optional(DurationMs),
  bytes: Tokens,
  /** Upstreams tried, when more than one. */
  attempts: Type.Optional(Type.Integer({ minimum: 1 })),
}

/** The client got the whole answer of the upstream (an upstream's 4xx is a complete answer too). */
export const RequestCompleted = defineEvent('requests', 'completed', 3, record(ending))

/** The upstream refused, broke or timed out. */
export const RequestFailed = defineEvent(
  'requests',
  'failed',
  3,
  record({
    ...ending,
    phase: Type.Union([Type.Literal('connect'), Type.Literal('response'), Type.Literal('stream')]),
    code: ShortText,
    message: ShortText,
  }),
)

/** The answer ended early and not by the upstream's fault. */
export const RequestInterrupted = defineEvent(
  'requests',
  'interrupted',
  3,
  record({
    ...ending,
    by: Type.Union([
      Type.Literal('client'),
      Type.Literal('node'),
      Type.Literal('throttle'),
      Type.Literal('drain'),
    ]),
  }),
)
