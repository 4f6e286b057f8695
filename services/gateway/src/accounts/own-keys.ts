import { type Outcome, refused } from '../http/index.ts'
import { type IssuedKey, issueKey } from './account-keys.ts'
import type { AccountKey, LiveSession } from './accounts.ts'
import { MAX_LIVE_KEYS, type PortalTools } from './portal-tools.ts'

const DAY_MS = 86_400_000

/** A key for whoever is logged in: bounded in number, and in how fast they are made. */
export async function createOwnKey(
  tools: PortalTools,
  who: LiveSession,
  { name, expiresInDays }: { name: string; expiresInDays: number | undefined },
): Promise<Outcome<IssuedKey>> {
  const nowMs = tools.epochMs()
  const waitMs = tools.creations.waitMs(who.userId, nowMs)
  if (waitMs > 0) return refused('too_many_attempts', 'Too many new keys. Wait a little.', waitMs)
  const keys = await tools.accounts.listKeys(who.userId)
  if (keys.filter(key => isLive(key, nowMs)).length >= MAX_LIVE_KEYS) {
    return refused('conflict', `There are ${MAX_LIVE_KEYS} keys already. Revoke one first.`)
  }
  tools.creations.fail(who.userId, nowMs)
  const expiresAt = expiresInDays === undefined ? undefined : nowMs + expiresInDays * DAY_MS
  return issueKey(tools, { userId: who.userId, name, expiresAt, actor: 'self' })
}

export function isLive(key: AccountKey, nowMs: number): boolean {
  return key.revokedAt === null && (key.expiresAt === null || key.expiresAt > nowMs)
}
