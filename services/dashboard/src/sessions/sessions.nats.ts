import type { NatsLink } from '@fluxgate/nats'
import { type Database, type SessionWithUser, useSession } from '@fluxgate/read-model'
import {
  createSessionVerifier,
  DEVICE_COOKIE,
  LiveSessions,
  LOGGED_OUT_SUBJECT,
  PLAIN_COOKIE,
  PLAIN_DEVICE_COOKIE,
  SESSION_COOKIE,
} from '@fluxgate/session'
import type { Gate } from './gate.http.ts'

export interface SessionSources {
  readonly db: Database
  readonly link: NatsLink
  /** Keys that verify session tokens. */
  readonly publicKeys: readonly string[]
  readonly origin: string | undefined
  readonly nowMs: () => number
}

/** A cookie of the gateway has another name at browsers of a dashboard without TLS. */
export interface CookieNames {
  readonly browser: string
  readonly gateway: string
}

export interface Sessions extends Gate, Disposable {
  /** Of the session and of the device. */
  readonly cookieNames: readonly CookieNames[]
}

/** Admits session tokens: signed, in time, and not ended; role and tier are the account's as of now. */
export function openSessions({ db, link, publicKeys, origin, nowMs }: SessionSources): Sessions {
  const verifier = createSessionVerifier({ publicKeys, nowMs })
  const live = new LiveSessions<SessionWithUser>({ find: id => useSession(db, id, nowMs()) })
  const logouts = link.connection.subscribe(LOGGED_OUT_SUBJECT, {
    callback: (error, message) => {
      if (!error) live.received(message.data)
    },
  })
  const isSecure = origin?.startsWith('https:') ?? false
  const cookieName = isSecure ? SESSION_COOKIE : PLAIN_COOKIE
  const deviceName = isSecure ? DEVICE_COOKIE : PLAIN_DEVICE_COOKIE
  return {
    origin,
    cookieName,
    cookieNames: [
      { browser: cookieName, gateway: SESSION_COOKIE },
      { browser: deviceName, gateway: DEVICE_COOKIE },
    ],
    async admit(token) {
      const check = await verifier.verify(token)
      const row = check.ok ? await live.find(check.session.id) : undefined
      if (!check.ok || !row || row.userId !== check.session.user || row.expiresAt <= nowMs()) return undefined
      const { email, role, tier } = row
      const expiresAt = Math.min(row.expiresAt, check.session.expiresAt)
      return { user: row.userId, session: row.id, email, role, tier, expiresAt }
    },
    [Symbol.dispose]: () => logouts.unsubscribe(),
  }
}
