import { done, type Outcome, refused } from '../http/index.ts'

/** More than the 8 that ASVS 6.2.1 demands: there is no second factor here. */
export const MIN_PASSWORD_CHARS = 12
/** Bounds the work of a hash; ASVS 6.2.9 asks that 64 characters be allowed. */
export const MAX_PASSWORD_BYTES = 1_024

const ESTIMATE_RETRY_MS = 1_000
const UNESTIMATED = refused(
  'busy',
  'Too many new passwords are being checked right now. Please try again.',
  ESTIMATE_RETRY_MS,
)

/** Whether a password may be tried at all: it is hashed exactly as received (ASVS 6.2.8). */
export function isHashable(password: string): boolean {
  return password !== '' && password.isWellFormed() && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
}

/** Rules for a new password: long enough, and hard to guess (ASVS 6.2.4). No kinds of characters are asked for. */
export async function checkNewPassword(
  strength: PasswordStrength,
  password: string,
  email: string,
): Promise<Outcome<string>> {
  if ([...password].length < MIN_PASSWORD_CHARS) {
    return refused('weak_password', `The password needs at least ${MIN_PASSWORD_CHARS} characters.`)
  }
  if (!isHashable(password)) {
    return refused('weak_password', `The password must be text of at most ${MAX_PASSWORD_BYTES} bytes.`)
  }
  const verdict = await strength.estimate(password, contextOf(email))
  if (verdict.kind === 'busy') return UNESTIMATED
  if (verdict.kind === 'strong') return done(password)
  return refused('weak_password', `This password is too easy to guess. ${verdict.advice}`)
}

function contextOf(email: string): string[] {
  return [email, ...email.split(/[^\p{L}]+/u)].filter(word => word.length > 2)
}

/** How hard a password is to guess: interface of the estimator in `out`, which works in a thread of its own. */
export interface PasswordStrength {
  /** @param context words that belong to the account, such as its e-mail address (ASVS 6.2.11) */
  estimate(password: string, context: readonly string[]): Promise<StrengthVerdict>
}

export type StrengthVerdict =
  | { readonly kind: 'strong' }
  /** `advice`: what makes it easy to guess and what would help, in sentences. */
  | { readonly kind: 'weak'; readonly advice: string }
  /** The estimator has too much to do or does not answer. */
  | { readonly kind: 'busy' }
