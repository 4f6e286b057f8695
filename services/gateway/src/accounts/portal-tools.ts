import type { RegistrationMode } from '../config/index.ts'
import type { AccountTools } from './accounts.ts'
import type { Backoff } from './backoff.ts'
import type { DeviceCookies } from './device-cookie.ts'
import type { LoginGuard } from './login-guard.ts'
import type { PasswordStrength } from './password-rules.ts'
import type { Passwords } from './passwords.ts'

/** What the portal's changes of accounts need beside the rows and the log. */
export interface PortalTools extends AccountTools {
  readonly passwords: Passwords
  readonly strength: PasswordStrength
  readonly devices: DeviceCookies
  readonly registrationMode: () => Promise<RegistrationMode>
  /** By which events count an account without holding its address. */
  readonly accountHash: (normalisedEmail: string) => string
  /** How long an address has to wait before strangers may log in from it, beyond what its own failures ask for. */
  readonly blockedForMs?: (address: string) => number
  readonly guard: LoginGuard
  /** Registrations by address. */
  readonly registrations: Backoff
  /** New keys by user. */
  readonly creations: Backoff
  /** Asked when somebody logs in, before it is told; absent where there is no log to ask. */
  readonly failedLogins?: (userId: string) => Promise<FailedLogins | undefined>
  readonly log: { warn(fields: object, message: string): void }
}

/** Logins of one user that failed since the last one that did not. */
export interface FailedLogins {
  /** {@link MAX_TOLD_FAILURES} at the most. */
  readonly count: number
  /** Epoch milliseconds. */
  readonly lastAt?: number
  readonly lastAddress?: string
}

export const MAX_REPORTED_FAILURES = 1_000
const MINUTE_MS = 60_000

/** Generous for people and for their scripts, too slow to fill a database with. */
export const DEFAULT_REGISTRATION_LIMITS = Object.freeze({
  freeFailures: 30,
  baseMs: 1_000,
  maxMs: 15 * MINUTE_MS,
  forgetMs: 60 * MINUTE_MS,
  maxEntries: 100_000,
})
export const DEFAULT_CREATION_LIMITS = Object.freeze({
  freeFailures: 60,
  baseMs: 1_000,
  maxMs: 15 * MINUTE_MS,
  forgetMs: 60 * MINUTE_MS,
  maxEntries: 100_000,
})
export const MAX_LIVE_KEYS = 100
