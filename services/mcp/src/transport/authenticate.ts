import { createHash, timingSafeEqual } from 'node:crypto'
import type { Admission, Caller } from '../calls/index.ts'

/** Who holds this bearer token, if anybody. */
export type Authenticate = (token: string) => Promise<Admission>

/** RFC 6750 section 2.1; the scheme's name in any case. Tokens are taken from this header alone. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? '')?.[1]
}

/** A token of the configuration, compared by digest: neither its length nor its beginning shows in the time taken. */
export function fixedToken(secret: string, holder: Caller): Authenticate {
  const expected = digestOf(secret)
  return async token => (timingSafeEqual(digestOf(token), expected) ? holder : 'unknown')
}

/** The first of them that knows the token. */
export function anyOf(ways: readonly Authenticate[]): Authenticate {
  return async token => {
    for (const authenticate of ways) {
      const admission = await authenticate(token)
      if (admission !== 'unknown') return admission
    }
    return 'unknown'
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
