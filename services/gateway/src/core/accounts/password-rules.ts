import { isCommonPassword } from './common-passwords.ts'
import { done, type Outcome, refused } from './fault.ts'

/** More than the 8 that ASVS 6.2.1 demands: there is no second factor here. */
export const MIN_PASSWORD_CHARS = 12
/** Bounds the work of a hash; ASVS 6.2.9 asks that 64 characters be allowed. */
export const MAX_PASSWORD_BYTES = 1_024

/** Whether a password may be tried at all: it is hashed exactly as received (ASVS 6.2.8). */
export function isHashable(password: string): boolean {
  return password !== '' && password.isWellFormed() && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
}

/** Rules for a new password: long enough, and not among the first to be guessed. No kinds of characters are asked for. */
export function checkNewPassword(password: string, email: string): Outcome<string> {
  if ([...password].length < MIN_PASSWORD_CHARS) {
    return refused('weak_password', `The password needs at least ${MIN_PASSWORD_CHARS} characters.`)
  }
  if (!isHashable(password)) {
    return refused('weak_password', `The password must be text of at most ${MAX_PASSWORD_BYTES} bytes.`)
  }
  if (isCommonPassword(password, contextOf(email))) {
    return refused(
      'weak_password',
      'This password is among the first that would be guessed. Choose another one.',
    )
  }
  return done(password)
}

function contextOf(email: string): string[] {
  return email.split(/[^\p{L}]+/u)
}
