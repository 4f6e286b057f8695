import { createHash, createSecretKey, type KeyObject } from 'node:crypto'
import type { DataOf, UserRegistered } from '@fluxgate/contracts'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'

export type SessionRole = DataOf<typeof UserRegistered>['role']

export interface SessionSettings {
  /** The first signs, all verify; each at least 32 bytes (RFC 7518 section 3.2). During a rotation there are two. */
  readonly secrets: readonly string[]
  readonly issuer?: string
  readonly audience?: string
  /** Absolute life of a session, from login; nothing prolongs it. */
  readonly ttlSeconds?: number
  /** Epoch milliseconds. */
  readonly nowMs?: () => number
}

export interface NewSession {
  /** At least 128 random bits; the row in Postgres has the same id. */
  readonly id: string
  readonly user: string
  /** As of the login. What a user may do now is in the row, not in the token. */
  readonly role: SessionRole
}

export interface PortalSession extends NewSession {
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

export interface IssuedSession extends PortalSession {
  readonly token: string
}

export type SessionFault =
  | 'too_large'
  | 'malformed'
  | 'wrong_algorithm'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'wrong_claims'

export type SessionCheck =
  | { readonly ok: true; readonly session: PortalSession }
  | { readonly ok: false; readonly reason: SessionFault }

export interface Sessions {
  readonly ttlSeconds: number
  issue(session: NewSession): Promise<IssuedSession>
  /** Whether the token is ours and in time. Whether its session still lives is asked of `LiveSessions`. */
  verify(token: string): Promise<SessionCheck>
}

export const SESSION_ISSUER = 'fluxgate'
export const SESSION_AUDIENCE = 'fluxgate-portal'
/** `typ` of our tokens, which no other kind of token has (RFC 8725 section 3.11). */
export const SESSION_TOKEN_TYPE = 'fluxgate-session+jwt'
export const DEFAULT_SESSION_TTL_SECONDS = 12 * 3_600

const ALGORITHM = 'HS256'
const MIN_SECRET_BYTES = 32
/** Ours are below 500. */
const MAX_TOKEN_CHARS = 2_048
const CLOCK_TOLERANCE_SECONDS = 5
const CLAIMS = ['iss', 'aud', 'exp', 'iat', 'sub', 'jti', 'role'] as const
const ID = /^[A-Za-z0-9_-]{1,64}$/

interface SigningKey {
  readonly kid: string
  readonly key: KeyObject
}

/** Portal sessions as signed tokens (RFC 7519, with the rules of RFC 8725): one algorithm, one type, our keys only. */
export function createSessions(settings: SessionSettings): Sessions {
  const {
    issuer = SESSION_ISSUER,
    audience = SESSION_AUDIENCE,
    ttlSeconds = DEFAULT_SESSION_TTL_SECONDS,
    nowMs = Date.now,
  } = settings
  const keys = settings.secrets.map(signingKey)
  const signing = keys[0]
  if (!signing) throw new RangeError('sessions need a secret')
  const keyOf = new Map(keys.map(({ kid, key }) => [kid, key]))

  return {
    ttlSeconds,

    async issue({ id, user, role }) {
      const iat = Math.floor(nowMs() / 1_000)
      const exp = iat + ttlSeconds
      const token = await new SignJWT({ iss: issuer, aud: audience, exp, iat, sub: user, jti: id, role })
        .setProtectedHeader({ alg: ALGORITHM, typ: SESSION_TOKEN_TYPE, kid: signing.kid })
        .sign(signing.key)
      return { id, user, role, expiresAt: exp * 1_000, token }
    },

    async verify(token) {
      if (token.length > MAX_TOKEN_CHARS) return { ok: false, reason: 'too_large' }
      try {
        // `kid` is only looked up among our own: it is never a path, a query or an address (RFC 8725 section 3.10).
        const { payload } = await jwtVerify(token, ({ kid }) => ownKey(keyOf, kid), {
          algorithms: [ALGORITHM],
          typ: SESSION_TOKEN_TYPE,
          issuer,
          audience,
          requiredClaims: [...CLAIMS],
          maxTokenAge: ttlSeconds,
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(nowMs()),
        })
        return isAsWritten(token, payload) ? sessionOf(payload) : { ok: false, reason: 'wrong_claims' }
      } catch (error) {
        return { ok: false, reason: faultOf(error) }
      }
    },
  }
}

function signingKey(secret: string): SigningKey {
  const bytes = Buffer.from(secret)
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new RangeError(
      `a session secret has ${bytes.length} bytes, at least ${MIN_SECRET_BYTES} are needed`,
    )
  }
  const kid = createHash('sha256')
    .update('fluxgate session key\0')
    .update(bytes)
    .digest('base64url')
    .slice(0, 11)
  return { kid, key: createSecretKey(bytes) }
}

class UnknownKey extends Error {}

function ownKey(keyOf: ReadonlyMap<string, KeyObject>, kid: string | undefined): KeyObject {
  const key = kid === undefined ? undefined : keyOf.get(kid)
  if (!key) throw new UnknownKey()
  return key
}

/**
 * Whether the payload is the text that we would have written. JSON with a claim twice means one thing to one reader
 * and another to the next (RFC 7519 section 4), and no token of ours has one.
 */
function isAsWritten(token: string, payload: JWTPayload): boolean {
  const text = Buffer.from(token.split('.', 2)[1] ?? '', 'base64url').toString()
  return text === JSON.stringify(payload) && Object.keys(payload).length === CLAIMS.length
}

function sessionOf({ sub, jti, exp, role }: JWTPayload): SessionCheck {
  if (!isId(sub) || !isId(jti) || exp === undefined || (role !== 'developer' && role !== 'operator')) {
    return { ok: false, reason: 'wrong_claims' }
  }
  return { ok: true, session: { id: jti, user: sub, role, expiresAt: exp * 1_000 } }
}

function isId(claim: unknown): claim is string {
  return typeof claim === 'string' && ID.test(claim)
}

function faultOf(error: unknown): SessionFault {
  if (error instanceof UnknownKey) return 'unknown_key'
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) return 'wrong_claims'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong_algorithm'
  return 'malformed'
}
