import type { DataOf, Identity, KeyRejected, TierName } from '@fluxgate/contracts'
import type { Refusal } from './refusal.ts'

export type RejectionReason = DataOf<typeof KeyRejected>['reason']

/** What a key says of its bearer. */
export interface Caller {
  readonly identity: Identity
  readonly identityText: string
  readonly tier: TierName
}

export type KeyAnswer =
  | { readonly kind: 'accepted'; readonly caller: Caller }
  /** `credential`: what was presented, where it was no key. `problem`: why nothing was, where it is `missing`. */
  | {
      readonly kind: 'rejected'
      readonly reason: RejectionReason
      readonly credential?: 'token'
      readonly problem?: 'none' | 'scheme' | 'empty'
    }
  /** The key is not in the cache and the database cannot be asked. */
  | { readonly kind: 'unavailable' }

const REJECTIONS: Readonly<Record<RejectionReason, string>> = Object.freeze({
  missing: 'You did not provide an API key. Send it as "Authorization: Bearer sk_live_…" or "x-api-key".',
  malformed: 'Incorrect API key provided: it is not a whole Fluxgate key. Was it copied completely?',
  unknown: 'Incorrect API key provided.',
  revoked: 'This API key has been revoked.',
  expired: 'This API key has expired.',
  disabled: 'This account is disabled.',
})

const TOKEN_REJECTIONS: Readonly<Record<RejectionReason, string>> = Object.freeze({
  ...REJECTIONS,
  malformed: 'Incorrect token provided: it is no signed token that can be read.',
  unknown: 'Incorrect token provided: it is of no issuer, key or audience that is accepted here.',
  revoked: 'The session of this token has ended.',
  expired: 'This token has expired.',
})

/** Why nothing was presented although a header for it came. */
const PROBLEMS: Readonly<Record<string, string>> = Object.freeze({
  scheme:
    'The Authorization header has another scheme than Bearer. Send the key as "Authorization: Bearer sk_live_…" or "x-api-key".',
  empty:
    'The Authorization or x-api-key header holds no key. Send it as "Authorization: Bearer sk_live_…" or "x-api-key".',
})

export function rejection({
  reason,
  credential,
  problem = 'none',
}: Extract<KeyAnswer, { kind: 'rejected' }>): Refusal {
  const messages = credential === 'token' ? TOKEN_REJECTIONS : REJECTIONS
  const message = (reason === 'missing' ? PROBLEMS[problem] : undefined) ?? messages[reason]
  return { reason: 'unauthenticated', code: 'invalid_api_key', message }
}

export const KEYS_UNAVAILABLE: Refusal = Object.freeze({
  reason: 'unavailable',
  code: 'keys_unavailable',
  message: 'API keys cannot be checked right now. Please try again.',
  retryAfterMs: 2_000,
})

/** The log cannot take more: refusing work is better than losing a fact. */
export const LOG_FULL: Refusal = Object.freeze({
  reason: 'unavailable',
  code: 'log_unavailable',
  message: 'The gateway cannot record more requests right now. Please try again.',
  retryAfterMs: 2_000,
})

export const BAD_MODEL: Refusal = Object.freeze({
  reason: 'invalid_request',
  code: 'invalid_model',
  message: 'The model name is longer than 256 characters.',
})

export function unknownRoute(method: string, path: string): Refusal {
  return {
    reason: 'not_found',
    code: 'unknown_url',
    message:
      `Unknown request URL: ${method} ${path.slice(0, 256)}. This gateway serves the calls that /openapi.json lists; ` +
      'its operator can add stateless ones with EXTRA_ROUTES.',
  }
}

/** Every upstream lists its models, and none lists this one; or none speaks this API ('': no model was named). */
export function unknownModel(model: string): Refusal {
  const message =
    model === ''
      ? 'No model server that is configured here speaks this API.'
      : `The model ${JSON.stringify(model)} does not exist, or is not served in this API.`
  return { reason: 'not_found', code: 'model_not_found', message }
}

export function tooLarge(maxBytes: number): Refusal {
  return {
    reason: 'too_large',
    code: 'request_too_large',
    message: `The body is larger than ${maxBytes} bytes.`,
  }
}
