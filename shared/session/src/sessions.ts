import type { KeyObject } from 'node:crypto'
import type { DataOf, UserRegistered } from '@fluxgate/contracts'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { ALGORITHM, readPrivateKey, readPublicKey, type SessionKey } from './keys.ts'

export type SessionRole = DataOf<typeof UserRegistered>['role']

interface TokenSettings {
  readonly issuer?: string
  readonly audience?: string
  /** Absolute life of a session, from login; nothing prolongs it. */
  readonly ttlSeconds?: number
  /** Epoch milliseconds. */
  readonly nowMs?: () => number
}

export interface VerifierSettings extends TokenSettings {
  /** Each verifies; during a rotation there are two. */
  readonly publicKeys: readonly string[]
}

export interface SessionSettings extends TokenSettings {
  /** Signs, and its public half verifies. Gateways alone hold it. */
  readonly privateKey: string
  /** Verify too: the key before or after, during a rotation. */
  readonly publicKeys?: readonly string[]
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

/** Who can tell sessions from forgeries, and make none. */
export interface SessionVerifier {
  /** Whether the token is ours and in time. Whether its session still lives is asked of `LiveSessions`. */
  verify(token: string): Promise<SessionCheck>
}

export interface Sessions extends SessionVerifier {
  readonly ttlSeconds: number
  issue(session: NewSession): Promise<IssuedSession>
}

export const SESSION_ISSUER = 'fluxgate'
export const SESSION_AUDIENCE = 'fluxgate-portal'
/** `typ` of our tokens, which no other kind of token has (RFC 8725 section 3.11). */
export const SESSION_TOKEN_TYPE = 'fluxgate-session+jwt'
export const DEFAULT_SESSION_TTL_SECONDS = 12 * 3_600

/** Ours are below 500. */
const MAX_TOKEN_CHARS = 2_048
const CLOCK_TOLERANCE_SECONDS = 5
const CLAIMS = ['iss', 'aud', 'exp', 'iat', 'sub', 'jti', 'role'] as const
const ID = /^[A-Za-z0-9_-]{1,64}$/

/** Portal sessions as signed tokens (RFC 7519, with the rules of RFC 8725): one algorithm, one type, our keys only. */
export function createSessions({ privateKey, publicKeys = [], ...settings }: SessionSettings): Sessions {
  const { issuer, audience, ttlSeconds, nowMs } = withDefaults(settings)
  const signing = readPrivateKey(privateKey)
  const verifying = [signing.publicKey, ...publicKeys.map(readPublicKey)]
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

    verify: verifierOf(verifying, settings),
  }
}

/** For services that let sessions in and issue none. */
export function createSessionVerifier({ publicKeys, ...settings }: VerifierSettings): SessionVerifier {
  if (publicKeys.length === 0) throw new RangeError('sessions need a public key')
  return { verify: verifierOf(publicKeys.map(readPublicKey), settings) }
}

function verifierOf(keys: readonly SessionKey[], settings: TokenSettings): SessionVerifier['verify'] {
  const { issuer, audience, ttlSeconds, nowMs } = withDefaults(settings)
  const keyOf = new Map(keys.map(({ kid, key }) => [kid, key]))
  return async token => {
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
  }
}

function withDefaults(settings: TokenSettings): Required<TokenSettings> {
  return {
    issuer: settings.issuer ?? SESSION_ISSUER,
    audience: settings.audience ?? SESSION_AUDIENCE,
    ttlSeconds: settings.ttlSeconds ?? DEFAULT_SESSION_TTL_SECONDS,
    nowMs: settings.nowMs ?? Date.now,
  }
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
