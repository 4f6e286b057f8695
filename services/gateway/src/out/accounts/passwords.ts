import { randomBytes } from 'node:crypto'
import { argon2id, hash, needsRehash, verify } from 'argon2'
import type { Passwords } from '../../core/accounts/passwords.ts'
import { Turns } from './turns.ts'

export interface PasswordSettings {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  /** Each takes a core and `memoryKib` for some 25 ms; more than the cores only makes all of them slower. */
  readonly maxAtOnce: number
  /** At 2 at once and 25 ms each, the last of 32 waits 0.4 s. */
  readonly maxWaiting: number
}

/** OWASP Password Storage Cheat Sheet, and ASVS 5.0 appendix C: Argon2id with 19 MiB, 2 passes, 1 lane. */
export const DEFAULT_PASSWORD_SETTINGS: PasswordSettings = Object.freeze({
  memoryKib: 19_456,
  passes: 2,
  lanes: 1,
  maxAtOnce: 2,
  maxWaiting: 32,
})

/** Hashes and checks passwords with Argon2id (RFC 9106) in libuv's pool, a few at once. */
export async function createPasswords(settings: Partial<PasswordSettings> = {}): Promise<Passwords> {
  const { memoryKib, passes, lanes, maxAtOnce, maxWaiting } = { ...DEFAULT_PASSWORD_SETTINGS, ...settings }
  const cost = { memoryCost: memoryKib, timeCost: passes, parallelism: lanes }
  const options = { ...cost, type: argon2id } as const
  const turns = new Turns(maxAtOnce, maxWaiting)
  // What an account that is not there is checked against; nobody knows the password.
  const nobody = await hash(randomBytes(32), options)

  return {
    async hash(password) {
      const hashed = await turns.take(
        async () => ({ ok: true, hash: await hash(password, options) }) as const,
      )
      return hashed === 'busy' ? { ok: false, reason: 'busy' } : hashed
    },

    async verify(digest, password) {
      const isRight = await turns.take(() => verify(digest ?? nobody, password))
      if (isRight === 'busy') return 'busy'
      if (!isRight || digest === undefined) return 'wrong'
      return needsRehash(digest, cost) ? 'outdated' : 'right'
    },
  }
}
