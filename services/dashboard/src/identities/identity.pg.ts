import { type Identity, identityText } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import {
  authEvents,
  budgetCrossings,
  type Database,
  listIncidents,
  listThrottles,
} from '@fluxgate/read-model'
import type { KeyView } from '../accounts/answers.ts'
import { namesOf } from '../accounts/names.pg.ts'
import type { RangeName } from '../usage/answers.ts'
import type { LimitsOf } from '../usage/limits.nats.ts'
import { usageView } from '../usage/usage.pg.ts'
import { clearAddresses } from './addresses.nats.ts'
import type { IdentityDetail } from './answers.ts'
import { timelineOf } from './timeline.ts'

export interface DetailSources {
  readonly db: Database
  readonly link: NatsLink
  readonly limitsOf: LimitsOf
  readonly nowMs: () => number
  readonly listRows: number
}

/** All that is known of one identity. One that nobody knows has an empty page: the log may know it yet. */
export async function identityDetail(
  { db, link, limitsOf, nowMs, listRows: limit }: DetailSources,
  { user, key }: Identity,
  range: RangeName,
): Promise<IdentityDetail> {
  const [account, keys, auth, throttles, incidents, budgets] = await Promise.all([
    accountOf(db, user),
    keysOf(db, user),
    authEvents(db, { user, limit }),
    listThrottles(db, { user, key, limit }),
    listIncidents(db, { user, limit }),
    budgetCrossings(db, { user, limit }),
  ])
  const limits = await limitsOf(user, account?.tier ?? '', [key])
  // What the portal or an operator did to the user counts for every key; another key's own facts do not.
  const facts = auth.items.filter(({ keyId }) => keyId === key || !keys.some(({ id }) => id === keyId))
  const showAddress = await clearAddresses(
    link,
    facts.map(({ address }) => address),
  )
  const timeline = timelineOf(
    {
      auth: facts.map(fact => ({ ...fact, address: fact.address && showAddress(fact.address) })),
      throttles: throttles.items,
      incidents: incidents.items.filter(({ keyId }) => keyId === key),
      budgets: budgets.items.filter(({ keyId }) => keyId === key),
    },
    limit,
  )
  return {
    identity: identityText({ user, key }),
    user,
    key,
    account: account ?? null,
    keys,
    timeline,
    usage: await usageView(db, { user, key }, range, nowMs(), limits),
    names: await namesOf(db, [{ userId: user, keyId: key }]),
  }
}

function accountOf(db: Database, user: string) {
  return db
    .selectFrom('users')
    .select(['email', 'role', 'tier', 'created_at as createdAt', 'disabled_at as disabledAt'])
    .where('id', '=', user)
    .executeTakeFirst()
}

/** Newest first. */
export function keysOf(db: Database, user: string): Promise<KeyView[]> {
  return db
    .selectFrom('api_keys')
    .select(['id', 'name', 'prefix', 'last4', 'created_at as createdAt', 'expires_at as expiresAt'])
    .select(['revoked_at as revokedAt', 'last_used_at as lastUsedAt'])
    .where('user_id', '=', user)
    .orderBy('created_at', 'desc')
    .execute()
}
