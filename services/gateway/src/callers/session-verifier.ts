import type { SessionFault, Sessions } from '@fluxgate/session'
import type { TokenRejection, VerifyToken } from './token-finding.ts'

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
export function sessionVerifier(sessions: Pick<Sessions, 'verify'>): VerifyToken {
  return async token => {
    const checked = await sessions.verify(token)
    if (!checked.ok) return { kind: 'rejected', reason: REASONS[checked.reason] }
    const { id, user, expiresAt } = checked.session
    return { kind: 'session', session: id, user, untilMs: expiresAt }
  }
}
