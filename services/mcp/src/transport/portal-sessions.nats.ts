import type { NatsLink } from '@fluxgate/nats'
import { type Database, type SessionWithUser, useSession } from '@fluxgate/read-model'
import { createSessionVerifier, LiveSessions, LOGGED_OUT_SUBJECT } from '@fluxgate/session'
import { ToolError } from '../backends/index.ts'
import type { Admission } from '../calls/index.ts'

const UNKNOWN =
  'The session cannot be checked: the read model (Postgres) is unavailable. Try again in a moment.'

export interface PortalSessions extends Disposable {
  admit(token: string): Promise<Admission>
}

/**
 * Admits the bearer of a live portal session whose user is an operator now.
 * @param publicKeys verify session tokens; none: sessions are not accepted
 */
export function openPortalSessions(
  link: NatsLink,
  db: Database,
  publicKeys: readonly string[],
  nowMs: () => number,
): PortalSessions {
  const sessions = publicKeys.length > 0 ? createSessionVerifier({ publicKeys, nowMs }) : undefined
  const live = new LiveSessions<SessionWithUser>({
    find: id => useSession(db, id, nowMs()),
  })
  const loggedOut = link.connection.subscribe(LOGGED_OUT_SUBJECT, {
    callback: (error, message) => (error ? live.clear() : live.received(message.data)),
  })
  // Messages published while disconnected are lost.
  const offReconnect = link.onReconnect(() => live.clear())
  return {
    async admit(token) {
      const check = await sessions?.verify(token)
      if (!check?.ok) return 'unknown'
      const row = await live.find(check.session.id).catch(cause => {
        throw new ToolError('FLUXGATE_READ_MODEL_AWAY', UNKNOWN, { cause })
      })
      if (!row || row.userId !== check.session.user || row.expiresAt <= nowMs()) return 'unknown'
      return row.role === 'operator' ? { name: `mcp:${row.userId}`, role: 'operator' } : 'forbidden'
    },
    [Symbol.dispose]() {
      offReconnect()
      loggedOut.unsubscribe()
    },
  }
}
