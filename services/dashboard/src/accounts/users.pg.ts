import { type EventMaker, OperatorOrdered } from '@fluxgate/contracts'
import type { EventPublisher } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import type { GatewayAdmin } from '../gateway/index.ts'
import { done, type Outcome } from '../http/index.ts'
import type { KeyView, MadeKey, TierView, UserDetail, UserPage, UserView } from './answers.ts'

/** Whom an order is about, who gives it, and why. */
export interface UserOrder {
  readonly user: string
  readonly actor: string
  readonly reason: string
}

export interface UserSources {
  readonly db: Database
  readonly admin: GatewayAdmin
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly listRows: number
  readonly nowMs: () => number
}

/** The key that events about a user's account name. */
const PORTAL = 'portal'

export type Users = ReturnType<typeof openUsers>

/** Users and keys: looked at in the tables, changed by the gateway, whose events name who ordered it. */
export function openUsers({ db, admin, publisher, make, listRows, nowMs }: UserSources) {
  /** Publishes who orders it and why, then calls the gateway. */
  async function ordered<T>(
    order: UserOrder,
    what: { readonly order: string; readonly wanted?: string; readonly key?: string },
    method: 'POST' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Outcome<T>> {
    const { user, actor, reason } = order
    const { key = PORTAL, ...rest } = what
    await publisher.publish(make(OperatorOrdered, { user, key, actor, reason, ...rest }))
    return admin.order<T>(actor, method, path, body)
  }

  return {
    async list(search: { readonly text?: string }): Promise<UserPage> {
      const rows = await userRows(db, search, listRows + 1, nowMs())
      return { items: rows.slice(0, listRows), more: rows.length > listRows }
    },

    async find(id: string): Promise<UserDetail | undefined> {
      const [[user], keys] = await Promise.all([userRows(db, { id }, 1, nowMs()), keysOf(db, id)])
      return user && { user, keys }
    },

    tiers: () => readTiers(admin),

    create: (order: UserOrder, { tier, role }: { readonly tier: string; readonly role: string }) =>
      ordered(order, { order: 'create_user', wanted: `${role}, ${tier}` }, 'POST', '/admin/users', {
        user_id: order.user,
        tier,
        role,
      }),

    setTier: (order: UserOrder, tier: string) =>
      ordered(order, { order: 'set_tier', wanted: tier }, 'POST', '/admin/tier', {
        user_id: order.user,
        tier,
      }),

    setRole: (order: UserOrder, role: string) =>
      ordered(order, { order: 'set_role', wanted: role }, 'POST', '/admin/role', {
        user_id: order.user,
        role,
      }),

    setDisabled: (order: UserOrder, isDisabled: boolean) => {
      const word = isDisabled ? 'disable' : 'enable'
      const body = { user_id: order.user, reason: order.reason.slice(0, MAX_REASON) }
      return ordered(order, { order: `${word}_user` }, 'POST', `/admin/users/${word}`, body)
    },

    createKey: (
      order: UserOrder,
      { name, expiresInDays }: { readonly name: string; readonly expiresInDays?: number },
    ) =>
      ordered<MadeKey>(order, { order: 'create_key', wanted: name }, 'POST', '/admin/keys/generate', {
        user_id: order.user,
        name,
        ...(expiresInDays === undefined ? {} : { expires_in_days: expiresInDays }),
      }),

    revokeKey: (order: UserOrder, key: string) =>
      ordered(order, { order: 'revoke_key', key }, 'DELETE', `/admin/keys/${encodeURIComponent(key)}`),
  }
}

/** The gateway's own events allow shorter reasons than the one published here. */
const MAX_REASON = 256

/** Newest first. `text` is a part of an id or an address. */
function userRows(
  db: Database,
  search: { readonly text?: string; readonly id?: string },
  limit: number,
  nowMs: number,
): Promise<UserView[]> {
  const now = new Date(nowMs).toISOString()
  let query = db
    .selectFrom('users')
    .select(['id', 'email', 'role', 'tier', 'created_at as createdAt', 'disabled_at as disabledAt'])
    .select(eb =>
      eb
        .selectFrom('api_keys')
        .whereRef('api_keys.user_id', '=', 'users.id')
        .where('revoked_at', 'is', null)
        .where(keys =>
          keys.or([
            keys('expires_at', 'is', null),
            keys('expires_at', '>', keys.cast<number>(keys.val(now), 'timestamptz')),
          ]),
        )
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .as('liveKeys'),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
  if (search.id !== undefined) query = query.where('id', '=', search.id)
  if (search.text !== undefined && search.text !== '') {
    const part = `%${search.text.replace(/[\\%_]/g, '\\$&')}%`
    query = query.where(eb => eb.or([eb('id', 'ilike', part), eb('email', 'ilike', part)]))
  }
  return query.execute() as Promise<UserView[]>
}

/** A user's keys, newest first. */
export function keysOf(db: Database, user: string): Promise<KeyView[]> {
  return db
    .selectFrom('api_keys')
    .select(['id', 'name', 'prefix', 'last4', 'created_at as createdAt', 'expires_at as expiresAt'])
    .select(['revoked_at as revokedAt', 'last_used_at as lastUsedAt'])
    .where('user_id', '=', user)
    .orderBy('created_at', 'desc')
    .execute()
}

interface StoredTier {
  readonly name: string
  readonly capacity: number
  readonly refill_rate: number
}

async function readTiers(admin: GatewayAdmin): Promise<Outcome<readonly TierView[]>> {
  const answer = await admin.read<{ tiers: StoredTier[] }>('/admin/tiers')
  if (!answer.ok) return answer
  return done(
    answer.value.tiers.map(({ name, capacity, refill_rate }) => ({
      name,
      capacity,
      refillRate: refill_rate,
    })),
  )
}
