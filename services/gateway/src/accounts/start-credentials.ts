import { randomBytes } from 'node:crypto'
import type { RegistrationMode } from '../config/index.ts'
import type { Accounts } from './accounts.ts'
import { deviceCookies } from './device-cookie.ts'
import { createPasswords } from './password-hashes.worker.ts'
import { openPasswordStrength } from './password-strength.worker.ts'
import type { PortalTools } from './portal-tools.ts'
import { registrationMode } from './registration.ts'

export interface CredentialConfig {
  readonly deviceSecrets: readonly string[]
  readonly registration: RegistrationMode | undefined
}

type Credentials = Pick<PortalTools, 'passwords' | 'strength' | 'devices' | 'registrationMode'>

/** What people prove themselves with, and who may get it: passwords, known devices, registration. */
export async function openCredentials(
  { deviceSecrets, registration }: CredentialConfig,
  accounts: Accounts,
  epochMs: () => number,
  log: { warn(fields: object, message: string): void },
): Promise<Credentials & AsyncDisposable> {
  const strength = openPasswordStrength(error => log.warn({ err: error }, 'the password estimator failed'))
  return {
    strength,
    passwords: await createPasswords(),
    devices: deviceCookies(deviceSecrets, randomBytes, epochMs),
    registrationMode: registrationMode(registration, accounts.hasOperator),
    [Symbol.asyncDispose]: () => strength[Symbol.asyncDispose](),
  }
}
