import type { NatsLink } from '@fluxgate/nats'
import { type Database, type SessionWithUser, useSession } from '@fluxgate/read-model'
import { LiveSessions, LOGGED_OUT_SUBJECT, type SessionVerifier } from '@fluxgate/session'
import type { Admission } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'

const UNKNOWN = 'Whether this session still lives cannot be told: the read model (Postgres) does not answer.'

export interface PortalSessions extends Disposable {
  admit(token: string): Promise<Admission>
}

/** Lets in the bearer of a portal session that lives and whose user is an operator now. */
export function openPortalSessions(
  link: NatsLink,
  db: Database,
  sessions: SessionVerifier,
  nowMs: () => number,
): PortalSessions {
  const live = new LiveSessions<SessionWithUser>({
    find: id => useSession(db, id, nowMs()),
  })
  const loggedOut = link.connection.subscribe(LOGGED_OUT_SUBJECT, {
    callback: (error, message) => (error ? live.clear() : live.heard(message.data)),
  })
  // What was said meanwhile was not heard.
  const offReconnect = link.onReconnect(() => live.clear())
  return {
    async admit(token) {
      const check = await sessions.verify(token)
      if (!check.ok) return 'unknown'
      const row = await live.find(check.session.id).catch(cause => {
        throw new Fault('FLUXGATE_READ_MODEL_AWAY', UNKNOWN, { cause })
      })
      if (!row || row.userId !== check.session.user || row.expiresAt <= nowMs()) return 'unknown'
      return row.role === 'operator' ? { actor: `mcp:${row.userId}`, mayAct: true } : 'forbidden'
    },
    [Symbol.dispose]() {
      offReconnect()
      loggedOut.unsubscribe()
    },
  }
}
