import { type Identity, identityText } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import {
  authEvents,
  budgetCrossings,
  type Database,
  listIncidents,
  listThrottles,
} from '@fluxgate/read-model'
import { keysOf, namesOf } from '../accounts/index.ts'
import { type LimitsOf, type RangeName, usageView } from '../usage/index.ts'
import { clearAddresses } from './addresses.nats.ts'
import type { IdentityDetail } from './answers.ts'
import { timelineOf } from './timeline.ts'

export interface DetailSources {
  readonly db: Database
  readonly link: NatsLink
  readonly limitsOf: LimitsOf
  readonly nowMs: () => number
}

/** Of each kind of event in the timeline, and of the timeline itself. */
const TIMELINE_ROWS = 200

/** All that is known of one identity. One that nobody knows has an empty page: the log may know it yet. */
export async function identityDetail(
  { db, link, limitsOf, nowMs }: DetailSources,
  { user, key }: Identity,
  range: RangeName,
): Promise<IdentityDetail> {
  const [account, keys, auth, throttles, incidents, budgets] = await Promise.all([
    accountOf(db, user),
    keysOf(db, user),
    authEvents(db, { user, limit: TIMELINE_ROWS }),
    listThrottles(db, { user, key, limit: TIMELINE_ROWS }),
    listIncidents(db, { user, limit: TIMELINE_ROWS }),
    budgetCrossings(db, { user, limit: TIMELINE_ROWS }),
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
    TIMELINE_ROWS,
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
