import type { Database } from '@fluxgate/read-model'
import type { OwnViews } from '../core/desk.ts'
import { keysOf } from '../identities/identity.pg.ts'
import type { LimitsOf } from './limits.nats.ts'
import { usageView } from './usage.pg.ts'

export interface OwnSources {
  readonly db: Database
  readonly limitsOf: LimitsOf
  readonly nowMs: () => number
}

/** Calls of the playground are made with the session, and count under this key. */
const SESSION_KEY = 'session'

/** What a developer may see: usage and limits of one's own keys, and of the playground. */
export function openOwnViews({ db, limitsOf, nowMs }: OwnSources): OwnViews {
  return {
    async usage({ user, tier }, range) {
      const now = nowMs()
      const keys = await keysOf(db, user)
      const live = keys.filter(
        ({ revokedAt, expiresAt }) => revokedAt === null && (expiresAt === null || expiresAt > now),
      )
      const limits = await limitsOf(user, tier, [...live.map(({ id }) => id), SESSION_KEY])
      return usageView(db, { user }, range, now, limits)
    },
  }
}
