import { createHash } from 'node:crypto'
import { FALLBACK_TIER, type Identity, identityText, type TierName } from '@fluxgate/contracts'
import { OIDC_USER_PREFIX } from '../accounts/index.ts'
import type { KeyAnswer } from '../http/index.ts'

/** Which claims of an external issuer's tokens count. */
export interface ClaimRules {
  readonly issuer: string
  readonly userClaim: string
  readonly tierClaim: string | undefined
  /** Claim's value → tier, the first match wins; empty: the value is the tier's name. */
  readonly tiers: ReadonlyMap<string, TierName>
}

/** `key` of a caller with an external issuer's token. */
export const OIDC_KEY = 'oidc'

const MAX_USER_CHARS = 255
/** 132 bits: nobody finds two subjects with one id. */
const ID_CHARS = 22
const TIER = /^[a-z][a-z0-9_-]{0,31}$/

/** Whom verified claims let in; undefined when they name nobody. */
export function callerOf(
  claims: Readonly<Record<string, unknown>>,
  rules: ClaimRules,
): KeyAnswer | undefined {
  const subject = own(claims, rules.userClaim)
  if (rules.userClaim === 'email' && !isVerified(own(claims, 'email_verified'))) return undefined
  if (typeof subject !== 'string' || subject === '' || subject.length > MAX_USER_CHARS) return undefined
  const identity: Identity = Object.freeze({ user: oidcUser(rules.issuer, subject), key: OIDC_KEY })
  const caller = { identity, identityText: identityText(identity), tier: tierOf(claims, rules) }
  return Object.freeze({ kind: 'accepted', caller: Object.freeze(caller) })
}

/**
 * A user id for a subject, which is unique at its issuer only and can be any text (OpenID Connect Core section 2), often
 * a person's address: a hash of both is a safe name in subjects, and puts no address into the log.
 */
export function oidcUser(issuer: string, subject: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('base64url')
  return OIDC_USER_PREFIX + digest.slice(0, ID_CHARS)
}

/**
 * OpenID Connect Core section 5.1: an address that its issuer has not verified is what its user typed, which may be
 * somebody else's. Some issuers write the boolean as text.
 */
function isVerified(claim: unknown): boolean {
  return claim === true || claim === 'true'
}

function tierOf(claims: Readonly<Record<string, unknown>>, { tierClaim, tiers }: ClaimRules): TierName {
  if (tierClaim === undefined) return FALLBACK_TIER
  const claim = own(claims, tierClaim)
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  for (const [value, tier] of tiers) if (values.includes(value)) return tier
  const named =
    tiers.size === 0 ? values.find(value => typeof value === 'string' && TIER.test(value)) : undefined
  return typeof named === 'string' ? named : FALLBACK_TIER
}

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
