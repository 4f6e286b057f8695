import { parseIdentity } from '@fluxgate/contracts'
import { type Database, listThrottles } from '@fluxgate/read-model'
import { namesOf } from '../accounts/index.ts'
import type { LiveHub, LiveThrottle } from '../live/index.ts'
import type { ThrottleEnd, ThrottlePage } from './answers.ts'

/** Throttles in force, and the last ones that ended. */
export async function throttlePage(
  db: Database,
  hub: LiveHub,
  nowMs: number,
  limit: number,
): Promise<ThrottlePage> {
  const active = hub.throttles(nowMs)
  const { items } = await listThrottles(db, { limit })
  const ended = items.flatMap(({ userId, keyId, state, ...row }): ThrottleEnd[] =>
    state === 'active' ? [] : [{ ...row, state, identity: `${userId}.${keyId}` }],
  )
  return { active, ended, names: await namesOf(db, [...ownersOf(active), ...items]) }
}

/** Users and keys of throttled identities. */
export function ownersOf(active: readonly LiveThrottle[]): Array<{ userId: string; keyId: string }> {
  return active.flatMap(({ identity }) => {
    const owner = parseIdentity(identity)
    return owner ? [{ userId: owner.user, keyId: owner.key }] : []
  })
}
