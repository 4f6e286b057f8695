import type { KeyAnswer, RejectionReason } from '../http/index.ts'

/** What a verified token says of its bearer; whether a session still lives is asked at each use. */
export type TokenFinding =
  | {
      readonly kind: 'caller'
      /** Made once, so that the hot path makes nothing. */
      readonly answer: KeyAnswer
      /** Epoch milliseconds. */
      readonly untilMs: number
    }
  | {
      readonly kind: 'session'
      readonly session: string
      readonly user: string
      /** Epoch milliseconds. */
      readonly untilMs: number
    }
  | { readonly kind: 'rejected'; readonly reason: TokenRejection }
  /** Nobody can tell just now. */
  | { readonly kind: 'unavailable' }

export type TokenRejection = Exclude<RejectionReason, 'missing'>

/** Asks of Postgres or of an issuer's keys; never rejects for what a token says. */
export type VerifyToken = (token: string) => Promise<TokenFinding>

export const REJECTED_TOKEN: Readonly<Record<TokenRejection, Extract<KeyAnswer, { kind: 'rejected' }>>> =
  Object.freeze({
    malformed: rejected('malformed'),
    unknown: rejected('unknown'),
    revoked: rejected('revoked'),
    expired: rejected('expired'),
    disabled: rejected('disabled'),
  })

function rejected(reason: TokenRejection) {
  return Object.freeze({ kind: 'rejected', reason, credential: 'token' } as const)
}
