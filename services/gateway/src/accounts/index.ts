export { revoke } from './account-keys.ts'
export { type Account, type AccountKey, type LiveSession, OIDC_USER_PREFIX } from './accounts.ts'
export { adminAccounts } from './admin-accounts.pg.ts'
export type { AdminAccounts } from './admin-accounts.ts'
export { NO_USER } from './admin-users.ts'
export { KEY_PREFIX, randomText } from './api-key.ts'
export { Backoff } from './backoff.ts'
export { openFailedLogins } from './failed-logins.nats.ts'
export { ensureFirstOperator } from './first-operator.ts'
export { forgetAddressesOf } from './forget-addresses.nats.ts'
export { logIn } from './login.ts'
export { LoginGuard } from './login-guard.ts'
export { endAllSessions, endSession, type LoginSession } from './login-session.ts'
export { createOwnKey } from './own-keys.ts'
export { changePassword } from './password-change.ts'
export {
  DEFAULT_CREATION_LIMITS,
  DEFAULT_REGISTRATION_LIMITS,
  type FailedLogins,
  type PortalTools,
} from './portal-tools.ts'
export { register } from './registration.ts'
export { openCredentials } from './start-credentials.ts'
export { type Identities, openIdentities } from './start-identities.ts'
