export {
  DEVICE_COOKIE,
  PLAIN_COOKIE,
  PLAIN_DEVICE_COOKIE,
  SESSION_COOKIE,
  SESSION_COOKIE_OPTIONS,
} from './cookie.ts'
export {
  makeSessionKeys,
  publicKeyOf,
  readSigningKey,
  readVerifyingKey,
  type SessionKeyPair,
} from './keys.ts'
export { LiveSessions, type LiveSessionsOptions, LOGGED_OUT_SUBJECT } from './live-sessions.ts'
export {
  createSessions,
  createSessionVerifier,
  DEFAULT_SESSION_TTL_SECONDS,
  type IssuedSession,
  type NewSession,
  type PortalSession,
  SESSION_AUDIENCE,
  SESSION_ISSUER,
  SESSION_TOKEN_TYPE,
  type SessionCheck,
  type SessionFault,
  type SessionRole,
  type SessionSettings,
  type Sessions,
  type SessionVerifier,
  type VerifierSettings,
} from './sessions.ts'
