import type { KeyAnswer, RejectionReason } from '../http/index.ts'
import { checkApiKey } from './api-key.ts'
import type { KeyDirectory, KeyFinding } from './key-directory.ts'

const REJECTED = Object.freeze(
  Object.fromEntries(
    (['malformed', 'unknown', 'revoked', 'expired', 'disabled'] as const).map(reason => [
      reason,
      Object.freeze({ kind: 'rejected', reason }),
    ]),
  ) as Record<Exclude<RejectionReason, 'missing'>, KeyAnswer>,
)
const UNAVAILABLE: KeyAnswer = Object.freeze({ kind: 'unavailable' })

/** What a gateway answers to a key's text. `onUse` hears the id of each key that is let in. */
export function keyGate(
  directory: Pick<KeyDirectory, 'lookup'>,
  onUse: (keyId: string) => void,
  epochMs: () => number,
): (key: string) => KeyAnswer | Promise<KeyAnswer> {
  const judge = (found: KeyFinding): KeyAnswer => {
    if (found === 'unknown') return REJECTED.unknown
    if (found === 'unavailable') return UNAVAILABLE
    if (found.revoked) return REJECTED.revoked
    if (found.disabled) return REJECTED.disabled
    if (found.expiresAtMs !== undefined && found.expiresAtMs <= epochMs()) return REJECTED.expired
    onUse(found.keyId)
    return found.accepted
  }
  return key => {
    const checked = checkApiKey(key)
    if (!checked.ok) return REJECTED.malformed
    const found = directory.lookup(checked.hash)
    return found instanceof Promise ? found.then(judge) : judge(found)
  }
}
