import { identitySubject, LoginFailed, LoginSucceeded, STREAMS } from '@fluxgate/contracts'
import { lastMessage, type NatsLink, replay } from '@fluxgate/nats'
import { PORTAL } from './accounts.ts'
import { type FailedLogins, MAX_REPORTED_FAILURES } from './portal-tools.ts'

/** A login must not wait for a log that is slow or away. */
const LIMIT_MS = 1_000

interface Log {
  warn(fields: object, message: string): void
}

/**
 * Tells how often a user's login failed since it last went well, at whatever node; undefined when the log does not answer
 * in time. Asked before the new success is appended.
 */
export function openFailedLogins(link: NatsLink, log: Log, limitMs = LIMIT_MS) {
  return async (user: string): Promise<FailedLogins | undefined> => {
    if (!link.isConnected()) return undefined
    const stop = new AbortController()
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), limitMs)
    const asked = failuresOf(link, user, stop.signal).catch(error => {
      log.warn({ err: error, user }, 'failed logins cannot be reported')
      return undefined
    })
    try {
      return await Promise.race([asked, late.promise])
    } finally {
      clearTimeout(timer)
      stop.abort()
    }
  }
}

async function failuresOf(link: NatsLink, user: string, signal: AbortSignal): Promise<FailedLogins> {
  const identity = { user, key: PORTAL }
  const stream = STREAMS.auth
  const success = (await lastMessage(link, stream, identitySubject(LoginSucceeded, identity)))?.seq
  const from = { sequence: (success ?? 0) + 1 }
  const failed = { count: 0, lastAt: 0, lastAddress: '' }
  const filter = identitySubject(LoginFailed, identity)
  for await (const { events } of replay(link, { stream, filter, from, signal })) {
    for (const { event } of events) {
      if (event.type !== 'fluxgate.auth.login_failed') continue
      failed.count++
      failed.lastAt = Date.parse(event.time)
      failed.lastAddress = event.data.address
    }
    if (failed.count >= MAX_REPORTED_FAILURES) break
  }
  if (failed.count === 0) return { count: 0 }
  return { ...failed, count: Math.min(failed.count, MAX_REPORTED_FAILURES) }
}
