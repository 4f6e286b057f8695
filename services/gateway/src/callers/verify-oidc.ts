import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { type ClaimRules, callerOf } from './oidc-claims.ts'
import type { TokenFinding, TokenRejection, VerifyToken } from './token-finding.ts'

export interface OidcRules extends ClaimRules {
  /** One of them must be the token's. */
  readonly audiences: readonly string[]
}

/** Signatures by a private key: whoever has the published key can check one and make none (RFC 8725 section 3.1). */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** Access tokens (RFC 9068 section 2.1), and those that say no more than what they are. */
const TYPES = new Set([undefined, 'jwt', 'at+jwt', 'application/at+jwt'])
const CLOCK_TOLERANCE_SECONDS = 5

/** Tokens of an external issuer. */
export function oidcVerifier(
  rules: OidcRules,
  key: JWTVerifyGetKey,
  { epochMs, log }: { epochMs: () => number; log: { warn(fields: object, message: string): void } },
): VerifyToken {
  return async token => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, key, {
        algorithms: ALGORITHMS,
        issuer: rules.issuer,
        audience: [...rules.audiences],
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(epochMs()),
      })
      const answer = TYPES.has(protectedHeader.typ?.toLowerCase()) ? callerOf(payload, rules) : undefined
      if (!answer) return UNKNOWN
      return { kind: 'caller', answer, untilMs: (payload.exp! + CLOCK_TOLERANCE_SECONDS) * 1_000 }
    } catch (error) {
      const reason = rejectionOf(error)
      if (reason) return { kind: 'rejected', reason }
      // An outage of the issuer is told once, where its keys are fetched.
      if (!isAway(error)) log.warn({ err: error }, 'a token of the OIDC issuer cannot be verified')
      return { kind: 'unavailable' }
    }
  }
}

const UNKNOWN: TokenFinding = Object.freeze({ kind: 'rejected', reason: 'unknown' })

function isAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'FLUXGATE_ISSUER_AWAY'
}

/** Undefined when it is not the token's fault. */
function rejectionOf(error: unknown): TokenRejection | undefined {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSEAlgNotAllowed
  ) {
    return 'unknown'
  }
  const isMalformed =
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JOSENotSupported
  return isMalformed ? 'malformed' : undefined
}
