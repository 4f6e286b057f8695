import { randomBytes } from 'node:crypto'
import { argon2id, hash, needsRehash, verify } from 'argon2'
import { Turns } from './hash-turns.ts'
import type { Passwords } from './passwords.ts'

export interface PasswordSettings {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  /** Each takes a core and `memoryKib` for some 25 ms; more than the cores only makes all of them slower. */
  readonly maxAtOnce: number
  /** Of these, what strangers may have: one is left for the known. */
  readonly maxStrangersAtOnce: number
  /** At 2 at once and 25 ms each, the last of 64 waits 0.8 s. */
  readonly maxWaiting: number
  /** At 1 at once and 25 ms each, the last of 128 waits 3.2 s. */
  readonly maxStrangersWaiting: number
  /** Of these, what one address (an IPv6 /64) may have. */
  readonly maxWaitingPerAddress: number
}

/** OWASP Password Storage Cheat Sheet, and ASVS 5.0 appendix C: Argon2id with 19 MiB, 2 passes, 1 lane. */
export const DEFAULT_PASSWORD_SETTINGS: PasswordSettings = Object.freeze({
  memoryKib: 19_456,
  passes: 2,
  lanes: 1,
  maxAtOnce: 2,
  maxStrangersAtOnce: 1,
  maxWaiting: 64,
  maxStrangersWaiting: 128,
  maxWaitingPerAddress: 8,
})

/** Hashes and checks passwords with Argon2id (RFC 9106) in libuv's pool, a few at once. */
export async function createPasswords(settings: Partial<PasswordSettings> = {}): Promise<Passwords> {
  const all = { ...DEFAULT_PASSWORD_SETTINGS, ...settings }
  const { memoryKib, passes, lanes } = all
  const cost = { memoryCost: memoryKib, timeCost: passes, parallelism: lanes }
  const options = { ...cost, type: argon2id } as const
  const turns = new Turns({
    maxRunning: all.maxAtOnce,
    maxStrangers: all.maxStrangersAtOnce,
    maxWaitingKnown: all.maxWaiting,
    maxWaitingStrangers: all.maxStrangersWaiting,
    maxWaitingPerSource: all.maxWaitingPerAddress,
  })
  // What an account that is not there is checked against; nobody knows the password.
  const none = await hash(randomBytes(32), options)

  return {
    async hash(password, { priority, source }) {
      const hashed = await turns.take(
        priority,
        source,
        async () => ({ ok: true, hash: await hash(password, options) }) as const,
      )
      return hashed === 'busy' ? { ok: false, reason: 'busy' } : hashed
    },

    verify(from, password, { priority, source }) {
      return turns.take(priority, source, async () => {
        const digest = typeof from === 'function' ? await from() : from
        const isRight = await verify(digest ?? none, password)
        if (!isRight || digest === undefined) return 'wrong'
        return needsRehash(digest, cost) ? 'outdated' : 'right'
      })
    },
  }
}
