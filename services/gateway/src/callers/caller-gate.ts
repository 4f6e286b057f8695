import { KEY_PREFIX } from '../accounts/index.ts'
import type { KeyAnswer } from '../http/index.ts'
import type { TokenFinding, VerifyToken } from './token-finding.ts'
import { isTokenForm, typeOfToken } from './token-form.ts'

type Lookup = (text: string) => KeyAnswer | Promise<KeyAnswer>

/** What a caller presents is a key of ours or a signed token; anything else is a key that is not whole. */
export function callerGate(lookupKey: Lookup, lookupToken: Lookup): Lookup {
  return text => (!text.startsWith(KEY_PREFIX) && isTokenForm(text) ? lookupToken(text) : lookupKey(text))
}

export interface TokenKinds {
  /** `typ` of the portal's own tokens. */
  readonly sessionType: string
  readonly session: VerifyToken
  /** Absent when no external issuer is configured. */
  readonly oidc: VerifyToken | undefined
}

const MALFORMED: TokenFinding = Object.freeze({ kind: 'rejected', reason: 'malformed' })
const UNKNOWN: TokenFinding = Object.freeze({ kind: 'rejected', reason: 'unknown' })

/** One verifier for each token, by its type alone: what one refuses is never tried on the other. */
export function verifyByKind({ sessionType, session, oidc }: TokenKinds): VerifyToken {
  return async token => {
    const type = typeOfToken(token)
    if (!type) return MALFORMED
    if (type.typ === sessionType) return session(token)
    return oidc ? oidc(token) : UNKNOWN
  }
}
