import type { LookupFunction } from 'node:net'
import { SESSION_TOKEN_TYPE, type SessionFault, type Sessions } from '@fluxgate/session'
import { verifyByKind } from './caller-gate.ts'
import { CallerTokens, type SessionRows } from './caller-tokens.ts'
import { type IssuerAddress, IssuerKeys, type IssuerKeysLimits } from './issuer-keys.http.ts'
import type { TokenRejection, VerifyToken } from './token-finding.ts'
import { type OidcRules, oidcVerifier } from './verify-oidc.ts'

export interface OidcConfig extends OidcRules, IssuerAddress {}

export interface CallersDeps {
  readonly sessions: Pick<Sessions, 'verify'>
  readonly live: SessionRows
  /** Absent: the system's resolver. */
  readonly lookup: LookupFunction | undefined
  readonly log: { warn(fields: object, message: string): void }
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/** Callers with tokens: the portal's own and, when one is configured, an external issuer's. */
export function openCallers(
  oidc: OidcConfig | undefined,
  deps: CallersDeps,
  limits: Partial<IssuerKeysLimits> = {},
): CallerTokens & AsyncDisposable {
  const issuer = oidc && new IssuerKeys(oidc, deps, limits)
  const verify = verifyByKind({
    sessionType: SESSION_TOKEN_TYPE,
    session: sessionVerifier(deps.sessions),
    oidc: issuer && oidcVerifier(oidc, issuer.get, deps),
  })
  const tokens = new CallerTokens({ ...deps, verify, sessions: deps.live })
  return Object.assign(tokens, {
    async [Symbol.asyncDispose]() {
      await issuer?.[Symbol.asyncDispose]()
    },
  })
}

const REASONS: Readonly<Record<SessionFault, TokenRejection>> = Object.freeze({
  too_large: 'malformed',
  malformed: 'malformed',
  wrong_algorithm: 'unknown',
  unknown_key: 'unknown',
  bad_signature: 'unknown',
  expired: 'expired',
  wrong_claims: 'unknown',
})

/** The portal's own session tokens, by the checks of the portal. */
function sessionVerifier(sessions: Pick<Sessions, 'verify'>): VerifyToken {
  return async token => {
    const checked = await sessions.verify(token)
    if (!checked.ok) return { kind: 'rejected', reason: REASONS[checked.reason] }
    const { id, user, expiresAt } = checked.session
    return { kind: 'session', session: id, user, untilMs: expiresAt }
  }
}
