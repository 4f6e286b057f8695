import { type Database, type SessionWithUser, useSession } from '@fluxgate/read-model'
import { LiveSessions, type SessionVerifier } from '@fluxgate/session'
import type { Admit } from './visitor.ts'

export interface Admission {
  readonly admit: Admit
  /** A message about a logout, from the log. */
  readonly heard: (bytes: Uint8Array) => void
}

/** A token is good when it is ours, in time, and its session lives; role and tier are the account's as of now. */
export function openAdmission(db: Database, sessions: SessionVerifier, nowMs: () => number): Admission {
  const live = new LiveSessions<SessionWithUser>({
    find: id => useSession(db, id, nowMs()),
  })
  return {
    heard: bytes => live.heard(bytes),
    async admit(token) {
      const check = await sessions.verify(token)
      const row = check.ok ? await live.find(check.session.id) : undefined
      if (!check.ok || !row || row.userId !== check.session.user || row.expiresAt <= nowMs()) return undefined
      const { email, role, tier } = row
      const expiresAt = Math.min(row.expiresAt, check.session.expiresAt)
      return { user: row.userId, session: row.id, email, role, tier, expiresAt }
    },
  }
}
